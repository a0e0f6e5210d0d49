# cmake --install, and the exported Conduit::conduit of find_package(Conduit).
include(CMakePackageConfigHelpers)
