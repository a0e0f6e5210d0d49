# Read by ik-llama-cpp-python's build as its project begins, to mend two things. Its source package lacks a script
# that writes the version which the program tells: this one fills in that it is not known.
set(script "${CMAKE_CURRENT_SOURCE_DIR}/vendor/ik_llama.cpp/common/cmake/build-info-gen-cpp.cmake")
if(NOT EXISTS "${script}")
  file(WRITE "${script}" [=[
set(BUILD_NUMBER 0)
set(BUILD_COMMIT unknown)
set(BUILD_COMPILER unknown)
set(BUILD_TARGET unknown)
configure_file(common/build-info.cpp.in "${CMAKE_SOURCE_DIR}/common/build-info.cpp" @ONLY)
]=])
endif()
# Its libraries look for each other beside them.
set(CMAKE_INSTALL_RPATH "$ORIGIN")
