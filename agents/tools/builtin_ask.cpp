#include "agents/tools/approvals.hpp"
#include "agents/tools/builtin.hpp"
#include "agents/tools/results.hpp"
#include "behalf/context.hpp"
#include "runtime/base/json.hpp"

namespace behalf {

// The question goes out as one about a call, which clients know how to show. Those that cannot
// `respond` edit the call: the answer is then among its arguments.
coroutine<tool_outcome> ask_user(context ctx, requested_call what) {
  const auto question = std::string(string_or(what.args, "question"));
  gated_call shown{what.id, what.name, what.args, question};
  shown.args["answer"] = "";
  shown.allowed = {decision_type::respond, decision_type::edit, decision_type::reject};
  if (const auto* choices = member(what.args, "choices"))
    for (const auto& one : choices->as_array())
      shown.description.append("\n- ").append(one.as_string());
  auto asked = hitl_request({shown});
  for (;;) {
    auto stop = ctx.interrupt(asked);
    const auto answer = co_await std::move(stop);
    if (const auto* text = answer.if_string())
      co_return builtin_answer(what, *text);
    auto read = read_decisions(answer, {shown});
    if (!read) {
      asked["error"] = read.error().message;
      continue;
    }
    const auto& word = read->front();
    if (word.type == decision_type::respond)
      co_return builtin_answer(what, word.message);
    if (word.type == decision_type::reject)
      co_return tool_error(what.id, what.name,
                           word.message.empty() ? "The user does not answer this." : word.message);
    co_return builtin_answer(what, string_or(word.args, "answer"));
  }
}

} // namespace behalf
