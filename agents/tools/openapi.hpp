// An HTTP service with an OpenAPI document: its operations as tools of agents.
#pragma once

#include "behalf/json.hpp"
#include "behalf/outbound.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

enum class api_place : uint8_t { path, query, header };

/// How a value is written (OpenAPI's `style`).
enum class api_style : uint8_t { form, spaces, pipes, deep_object, json };

struct api_parameter {
  std::string name; // among the tool's arguments
  std::string wire; // in the request
  api_place place = api_place::query;
  api_style style = api_style::form;
  bool explode = true; // a list is several parameters, an object one for each member
};

enum class api_body : uint8_t { none, json, form };

struct api_operation {
  std::string name;   // operationId, or made of method and path
  std::string method; // in capitals
  std::string path;   // "/contacts/{id}"; in braces is a parameter's name in the request
  json::object tool;  // {name, description, inputSchema, annotations}, as MCP's tools/list has it
  std::vector<api_parameter> parameters;
  api_body body = api_body::none;
  std::string body_type;    // its Content-Type
  bool body_merged = false; // its members are arguments of their own, else it is one, `body_name`
  std::string body_name;
  bool body_required = false;
  std::map<std::string, api_parameter, std::less<>> fields; // of a form: those with a style
};

struct api_document {
  std::map<std::string, api_operation, std::less<>> operations; // by name
  std::map<std::string, std::string, std::less<>> left_out;     // name, and why: "POST /x: …"
  std::string server_path; // of the first of `servers`, for people; without a slash at its end
};

inline constexpr std::size_t longest_openapi = 4 << 20; // as text

/// Reads an OpenAPI document of version 3.0 to 3.2, of at most 2,000 operations. An operation that
/// no request can be made of is left out; references lead within the document, nothing is fetched;
/// `servers` say nothing: the service's address does. Parameters that carry a credential, or change
/// what a request is (Host, X-HTTP-Method-Override), are nobody's to set and no arguments, nor is
/// `credential_place`, the header or query parameter that the service's credential is written to.
/// Error: invalid_argument with what is wrong with the document as a whole.
result<api_document> read_openapi(const json::value& document,
                                  std::string_view credential_place = {});

/// The request of a call. Values are only ever values: none adds a path segment, a parameter that
/// the document does not have, a header or a line. A body of type form is a text.
/// Error: invalid_argument with a sentence for the model.
result<http_operation> request_of(const api_operation& operation, const json::object& arguments);

/// What the service answered as a result of MCP's tools/call, for outcome_of. `whole` is false
/// when more followed than was read.
json::object result_of(unsigned status, const header_list& headers, std::string body, bool whole);

} // namespace behalf
