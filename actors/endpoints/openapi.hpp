// What /openapi.json says: the route table, with what each operation takes and answers.
#pragma once

#include "behalf/json.hpp"

#include <span>
#include <string>
#include <string_view>

namespace behalf::endpoints {

/// The files in actors/endpoints/openapi, one per API resource: {"operations", "schemas"}. An
/// operation, named "POST /threads", has `query` (parameters by name), `body`, and answers by
/// status, as schemas or the names of schemas; an answer without a body is null, `stream` describes
/// one of events, `type` lists media types other than JSON.
extern const std::span<const std::string_view> openapi_files;

/// The document of every route in the table. A route that no file describes takes and answers
/// anything.
json::object openapi_document();

/// The same as a page for people. It loads nothing from elsewhere.
std::string openapi_page();

} // namespace behalf::endpoints
