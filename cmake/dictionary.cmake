# behalf_dictionary(<target>): puts the dictionary that documents are compressed with into a library.
function(behalf_dictionary target)
  set(file ${CMAKE_SOURCE_DIR}/runtime/storage/documents_1.zdict)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(SIZE ${file} size)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${bytes}")
  set(made ${CMAKE_BINARY_DIR}/dictionary.cpp)
  file(CONFIGURE OUTPUT ${made} @ONLY CONTENT
       "#include \"runtime/storage/compression.hpp\"\n\nnamespace behalf {\n\nconst std::string_view document_dictionary{\"@bytes@\", @size@};\n\n} // namespace behalf\n")
  target_sources(${target} PRIVATE ${made})
endfunction()
