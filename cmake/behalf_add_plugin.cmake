# behalf_add_plugin(<name> <sources...>): a shared library that `graphs:` can name. Works inside the
# source tree and with an installed Behalf.
function(behalf_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
  # A static of an inline function belongs to this library, not to one loaded before: rebuilt ones
  # are loaded beside it (`behalf dev --watch`).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE -fno-gnu-unique)
  endif()
  if(TARGET behalf::plugin)
    target_link_libraries(${name} PRIVATE behalf::plugin)
  else()
    target_link_libraries(${name} PRIVATE behalf_plugin)
  endif()
endfunction()

# behalf_add_test(<name> <plugin> <sources...>): a program that tests graphs of a plugin with
# <behalf/testing.hpp>. BEHALF_TEST_LIBRARY is the plugin's file, for testing::load_graph.
function(behalf_add_test name plugin)
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
  if(TARGET behalf::testing)
    target_link_libraries(${name} PRIVATE behalf::testing)
  else()
    target_link_libraries(${name} PRIVATE behalf_testing)
  endif()
  target_compile_definitions(${name} PRIVATE BEHALF_TEST_LIBRARY="$<TARGET_FILE:${plugin}>")
  add_dependencies(${name} ${plugin})
  add_test(NAME ${name} COMMAND ${name})
endfunction()
