# behalf_openapi(<target>): puts actors/endpoints/openapi/*.json into a library, as text.
function(behalf_openapi target)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/actors/endpoints/openapi/*.json)
  set(entries "")
  foreach(file ${files})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    string(APPEND entries "  R\"behalf(${text})behalf\",\n")
  endforeach()
  set(made ${CMAKE_BINARY_DIR}/openapi_files.cpp)
  file(CONFIGURE OUTPUT ${made} @ONLY CONTENT
       "#include \"actors/endpoints/openapi.hpp\"\n\nnamespace behalf::endpoints {\n\nstatic const std::string_view all[] = {\n@entries@};\n\nconst std::span<const std::string_view> openapi_files{all};\n\n} // namespace behalf::endpoints\n")
  target_sources(${target} PRIVATE ${made})
endfunction()
