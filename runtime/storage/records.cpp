#include "runtime/storage/records.hpp"

namespace behalf {
namespace {

constexpr char label_end = '\x1f';

} // namespace

error disk_full(std::string what) {
  return {errc::overloaded, std::move(what), {{"Retry-After", "5"}}, std::string(storage_full)};
}

std::string_view kind_text(kind k) {
  switch (k) {
  case kind::assistant:
    return "assistant";
  case kind::thread:
    return "thread";
  case kind::run:
    return "run";
  case kind::checkpoint:
    return "checkpoint";
  case kind::item:
    return "item";
  case kind::webhook_call:
    return "webhook_call";
  case kind::assistant_version:
    return "assistant_version";
  case kind::cron:
    return "cron";
  }
  return "record";
}

bool named_within_parent(kind k) {
  return k == kind::checkpoint || k == kind::item || k == kind::assistant_version;
}

json::object item_fields(const record& item) {
  auto fields = item.doc;
  fields["namespace"] = json::value_from(decode_namespace(item.parent));
  fields["key"] = item.id;
  return fields;
}

result<std::string> encode_namespace(const std::vector<std::string>& labels) {
  std::string encoded;
  for (const auto& label : labels) {
    if (label.empty() || label.find(label_end) != label.npos || label.find('\0') != label.npos)
      return fail(errc::invalid_argument,
                  "a namespace label must be a non-empty string without control characters");
    encoded += label;
    encoded += label_end;
  }
  return encoded;
}

std::vector<std::string> decode_namespace(std::string_view encoded) {
  std::vector<std::string> labels;
  while (!encoded.empty()) {
    auto end = encoded.find(label_end);
    labels.emplace_back(encoded.substr(0, end));
    encoded.remove_prefix(end == encoded.npos ? encoded.size() : end + 1);
  }
  return labels;
}

} // namespace behalf
