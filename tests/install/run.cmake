# Installs the built tree into a scratch prefix, then configures, builds and runs a stranger's project against it.
# Variables: BUILD (the build folder), SOURCE (this folder), SCRATCH.
include(${CMAKE_CURRENT_LIST_DIR}/run_program.cmake)

file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/prefix)
run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${SCRATCH}/build -DCMAKE_PREFIX_PATH=${SCRATCH}/prefix)
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
run(${SCRATCH}/build/stranger)
run(${SCRATCH}/prefix/bin/conduit-node --version)
run(${SCRATCH}/prefix/bin/conduit --version)
