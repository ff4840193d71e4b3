#include "actors/store_items.hpp"

#include <algorithm>

namespace behalf {

result<std::string> checked_namespace(const std::vector<std::string>& labels, bool may_be_empty) {
  if (labels.empty() && !may_be_empty)
    return fail(errc::bad_request, "Namespace cannot be empty.");
  for (const auto& label : labels)
    if (label.empty() || label.find('.') != label.npos)
      return fail(errc::invalid_argument,
                  "Namespace label '" + label + "' must be a non-empty string without periods");
  if (!labels.empty() && labels.front() == "langgraph")
    return fail(errc::bad_request, "Root label for namespace cannot be 'langgraph'");
  return encode_namespace(labels);
}

record new_item(std::string tenant, std::string encoded_namespace, std::string key,
                json::object value, double ttl_minutes) {
  record row;
  row.type = kind::item;
  row.tenant = std::move(tenant);
  row.id = std::move(key);
  row.parent = std::move(encoded_namespace);
  row.created_at = row.updated_at = now();
  row.doc = std::move(value);
  if (ttl_minutes > 0) {
    expiry e;
    e.ttl = std::chrono::milliseconds(
      static_cast<int64_t>(std::min(ttl_minutes, max_ttl_minutes) * 60'000));
    e.at = row.created_at + e.ttl;
    row.expires = e;
  }
  return row;
}

json::object item_fields(const record& row) {
  auto fields = row.doc;
  fields["namespace"] = json::value_from(decode_namespace(row.parent));
  fields["key"] = row.id;
  return fields;
}

} // namespace behalf
