# `cpack` in the build folder: a Debian package of the programs, the service and its configuration.
# What it depends on is computed from the libraries that the programs are linked with (dpkg-shlibdeps, of dpkg-dev).
install(FILES configs/conduit-node.service DESTINATION lib/systemd/system COMPONENT programs)
# Beside the prefix, so only in the package: `cmake --install` leaves it out.
install(FILES configs/local.toml DESTINATION /etc/conduit RENAME node.toml COMPONENT configuration EXCLUDE_FROM_ALL)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/conduit COMPONENT programs)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/conduit RENAME copyright COMPONENT programs)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME conduit)
set(CPACK_PACKAGE_CONTACT "the Conduit authors <conduit@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "server of open-weight language models")
set(CPACK_PACKAGE_DESCRIPTION "An OpenAI-compatible HTTP server with an inference engine of its own, whose nodes share the work.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL programs configuration)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3-pip")  # models in Python packages
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/configs/debian/conffiles ${CMAKE_CURRENT_SOURCE_DIR}/configs/debian/postinst
  ${CMAKE_CURRENT_SOURCE_DIR}/configs/debian/prerm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
