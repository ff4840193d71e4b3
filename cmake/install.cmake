# `cmake --install`: the program, the headers a plugin needs, and a CMake package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS behalf behalf_plugin behalf_testing EXPORT behalf_targets)
file(GLOB headers ${CMAKE_SOURCE_DIR}/behalf/*.hpp)
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/behalf)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/behalf)
install(EXPORT behalf_targets FILE behalfTargets.cmake NAMESPACE behalf:: DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/behalfConfigVersion.cmake
                                 COMPATIBILITY ExactVersion)
# The build folder is a package as well.
export(EXPORT behalf_targets FILE ${CMAKE_BINARY_DIR}/behalfTargets.cmake NAMESPACE behalf::)
foreach(file behalfConfig.cmake behalf_add_plugin.cmake)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/${file} ${CMAKE_BINARY_DIR}/${file} COPYONLY)
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/cmake/behalfConfig.cmake
              ${CMAKE_BINARY_DIR}/behalfConfigVersion.cmake
              ${CMAKE_SOURCE_DIR}/cmake/behalf_add_plugin.cmake DESTINATION ${package})
