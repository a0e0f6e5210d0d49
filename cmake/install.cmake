# cmake --install, and what find_package(Conduit) finds: Conduit::conduit, the client library with all that it stands on.
# A static library's private dependencies are linked by its user too, so the installed package finds them by the same deps.cmake.
include(CMakePackageConfigHelpers)

add_library(conduit_client INTERFACE)
set_target_properties(conduit_client PROPERTIES EXPORT_NAME conduit)
target_link_libraries(conduit_client INTERFACE conduit_cluster)
# Public headers include each other by their path in the tree, so the tree's root is on the include path too.
target_include_directories(conduit_client INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/conduit>)
add_library(Conduit::conduit ALIAS conduit_client)

set(conduit_package ${CMAKE_INSTALL_LIBDIR}/cmake/Conduit)
# Components: `programs` is what the Debian package holds (package.cmake), the rest is for who builds against the library.
install(TARGETS conduit-node conduit RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)

# Man pages and completions are written by the program itself, from what parses its command line.
set(written ${CMAKE_BINARY_DIR}/share)
add_custom_command(TARGET conduit POST_BUILD
  COMMAND conduit man ${written}/man/man1
  COMMAND ${CMAKE_COMMAND} -E make_directory ${written}/completion
  COMMAND conduit completion bash > ${written}/completion/conduit
  COMMAND conduit completion zsh > ${written}/completion/_conduit
  COMMAND conduit completion fish > ${written}/completion/conduit.fish)
install(DIRECTORY ${written}/man/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT programs)
install(FILES ${written}/completion/conduit DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT programs)
install(FILES ${written}/completion/_conduit DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT programs)
install(FILES ${written}/completion/conduit.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT programs)

install(TARGETS conduit_client conduit_cluster conduit_actors conduit_provisioning conduit_engine conduit_model conduit_cpu
                conduit_mdl conduit_wire
  EXPORT ConduitTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT ConduitTargets NAMESPACE Conduit:: DESTINATION ${conduit_package})

set(installed_headers ${CMAKE_BINARY_DIR}/installed/include/conduit)
file(WRITE ${installed_headers}/client.h "#pragma once\n#include \"cluster/client.h\"\n")
file(WRITE ${installed_headers}/mdl.h "#pragma once\n#include \"mdl/describe.h\"\n")
file(WRITE ${installed_headers}/conduit.h "#pragma once\n#include \"conduit/client.h\"\n#include \"conduit/mdl.h\"\n")
install(FILES ${installed_headers}/client.h ${installed_headers}/mdl.h ${installed_headers}/conduit.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/conduit)
install(FILES cluster/client.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/conduit/cluster)
install(FILES mdl/codec.h mdl/describe.h mdl/fields.h mdl/limits.h mdl/payload.h mdl/type.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/conduit/mdl)
install(FILES mdl/base/json.h mdl/base/result.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/conduit/mdl/base)

file(WRITE ${CMAKE_BINARY_DIR}/installed/ConduitConfig.cmake [[
list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
include(${CMAKE_CURRENT_LIST_DIR}/deps.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/ConduitTargets.cmake)
]])
write_basic_package_version_file(${CMAKE_BINARY_DIR}/installed/ConduitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/installed/ConduitConfig.cmake ${CMAKE_BINARY_DIR}/installed/ConduitConfigVersion.cmake
              cmake/deps.cmake cmake/FindCAF.cmake
  DESTINATION ${conduit_package})
