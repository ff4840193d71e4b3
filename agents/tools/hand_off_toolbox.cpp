#include "agents/tools/results.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/context.hpp"
#include "behalf/messages.hpp"
#include "behalf/tools.hpp"
#include "runtime/base/json.hpp"

namespace behalf {
namespace {

json::object transfers(const std::vector<hand_off_target>& to) {
  json::array all;
  for (const auto& one : to) {
    auto description = "Hands the conversation over to the agent " + one.name
                       + ", who goes on with it and sees all of it.";
    if (!one.description.empty())
      description += ' ' + one.name + ": " + one.description;
    json::object schema{{"type", "object"}, {"additionalProperties", false}};
    const tool_definition tool{hand_off_tool_name(one.name), std::move(description),
                               std::move(schema)};
    all.push_back(listed_tool(tool, {.idempotent = true, .open_world = false}));
  }
  return {{"tools", std::move(all)}};
}

class hand_offs final : public known_toolbox {
public:
  explicit hand_offs(std::vector<hand_off_target> to)
    : known_toolbox("@hand_off", transfers(to)), to_(std::move(to)) {}

  coroutine<tool_outcome> call(context, requested_call what) const override {
    for (const auto& one : to_) {
      if (what.tool != hand_off_tool_name(one.name))
        continue;
      auto said = tool_message("Transferred to " + one.name, what.id);
      said.as_object()["name"] = what.name;
      tool_outcome became{std::move(said.as_object())};
      became.changes.set(active_agent_channel, one.name);
      co_return became;
    }
    co_return tool_error(what.id, what.name, "Error: there is no such agent.");
  }

private:
  std::vector<hand_off_target> to_;
};

} // namespace

std::string hand_off_tool_name(std::string_view to) {
  return "transfer_to_" + std::string(to);
}

std::shared_ptr<const toolbox> hand_off_toolbox(std::vector<hand_off_target> to) {
  return std::make_shared<hand_offs>(std::move(to));
}

} // namespace behalf
