// Whatever a service says of its tools and answers to calls: the list of tools keeps its bounds,
// what models are told can be told them, checking arguments ends, and results become messages.
#include "agents/tools/arguments.hpp"
#include "agents/tools/results.hpp"
#include "agents/tools/tool_list.hpp"
#include "fuzz/fuzz.hpp"
#include "runtime/base/text.hpp"

using namespace behalf;

namespace {

json::value value_from(FuzzedDataProvider& in) {
  auto parsed = parse_json(in.ConsumeRandomLengthString(2048));
  return parsed ? std::move(*parsed) : json::value(nullptr);
}

void check_list(const json::value& listed, const json::object& arguments) {
  tool_bounds bounds;
  bounds.tools = 3;
  bounds.schema_bytes = 1024;
  tool_source mail;
  mail.service = "mail";
  mail.deny = {"denied"};
  const auto list = make_tool_list({mail}, {{"mail", listed}}, bounds);
  fuzz::require(list.tools.size() <= bounds.tools, "no more tools than may be");
  std::string_view before;
  for (const auto& each : list.tools) {
    fuzz::require(each.as_told.name.size() <= 64 && made_of(each.as_told.name, "_-"),
                  "models can take the name");
    fuzz::require(before < each.as_told.name, "names are sorted and differ");
    fuzz::require(each.name != "denied", "what is denied is not offered");
    fuzz::require(each.approval == tool_approval::ask, "nobody said it need not ask");
    before = each.as_told.name;
    (void)check_arguments(each.schema, arguments);
    (void)check_arguments(each.as_told.schema, arguments);
  }
  const auto kept = to_json(list.tools);
  const auto back = tools_from_json(parse_json(dump(kept)).value());
  fuzz::require(back && to_json(*back) == kept, "a list is kept as it is");
}

void check_result(json::value body) {
  result_bounds bounds;
  bounds.text_bytes = bounds.media_bytes = 256;
  bounds.kept_text = 64 << 10; // more than all notes
  bounds.kept_files = 512;
  service_reply reply;
  reply.body = std::move(body);
  const auto made = outcome_of(reply, {"c1", "send", "send", {}}, bounds);
  const auto& message = made.message;
  const auto& content = message.at("content");
  fuzz::require(content.is_string() || content.is_array(), "a message has a content");
  fuzz::require(is_utf8(dump(message)), "a message is UTF-8");
  fuzz::require(made.left.text_shown <= made.left.text.size(), "what is shown is of the whole");
  std::size_t kept = 0;
  for (const auto& one : made.left.files) {
    kept += string_or(one.file, "base64").size();
    const auto* blocks = content.if_array();
    const std::string_view text =
      blocks ? blocks->at(one.note).at("text").as_string() : content.get_string();
    fuzz::require(text.substr(0, blocks ? text.npos : one.note).ends_with("]"),
                  "a file has a note in the message");
  }
  fuzz::require(kept <= bounds.kept_files, "files are bounded");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  const auto mode = in.ConsumeIntegralInRange(0, 2);
  auto first = value_from(in);
  if (mode == 0) {
    check_result(std::move(first));
    return 0;
  }
  const auto second = value_from(in);
  const auto arguments = second.is_object() ? second.get_object() : json::object{{"a", second}};
  if (mode == 1)
    check_list(first, arguments);
  else if (first.is_object())
    (void)check_arguments(first.get_object(), arguments);
  return 0;
}
