# find_package(behalf): the target behalf::plugin and the function behalf_add_plugin.
include(CMakeFindDependencyMacro)
find_dependency(Boost 1.81)
include(${CMAKE_CURRENT_LIST_DIR}/behalfTargets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/behalf_add_plugin.cmake)
