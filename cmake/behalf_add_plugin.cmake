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
