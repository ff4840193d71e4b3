#include "agents/tools/kept_results.hpp"

#include "agents/tools/builtin.hpp"
#include "agents/tools/memories.hpp"
#include "agents/tools/results.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/graph/task_facts.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::size_t most_of_thread = 20; // results
constexpr std::size_t most_of_user = 100;
// Reached only where many are kept at once, or the user puts others there.
constexpr std::size_t most_listed = 2 * most_of_user;
constexpr std::size_t longest_piece = 2'000;   // of a line, in bytes
constexpr std::size_t most_at_once = 48 << 10; // bytes that are read at once
constexpr std::size_t usual_lines = 200;
constexpr std::chrono::hours stays{7 * 24}, stays_without_thread{1};
constexpr std::string_view item_key = "text";

constexpr std::string_view definition = R"tool({"name": "read_result", "description":
    "Reads on in a tool's result that was too long and was kept, or gives a file of it. Lines longer than 2000 bytes count as several.",
  "inputSchema": {"type": "object", "required": ["name"], "properties": {
    "name": {"type": "string", "maxLength": 64, "description": "As the result said."},
    "from": {"type": "integer", "minimum": 0, "maximum": 4194304, "description": "The first line to read; 0 unless said."},
    "lines": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "How many; 200 unless said."},
    "file": {"type": "integer", "minimum": 1, "maximum": 20, "description": "In place of lines: the file of this number."}}},
  "annotations": {"readOnlyHint": true, "openWorldHint": false}})tool";

std::vector<std::string> place_of(const context& ctx) {
  return {"kept_results", user_label(ctx.identity()), std::string(ctx.thread_id())};
}

std::vector<std::string> place_of(const context& ctx, std::string_view name) {
  auto place = place_of(ctx);
  place.emplace_back(name);
  return place;
}

// The next line, or a part of a long one; with its line feed.
std::string_view next_piece(std::string_view text) {
  const auto end = text.substr(0, longest_piece).find('\n');
  if (end != text.npos)
    return text.substr(0, end + 1);
  const auto part = cut_utf8(text, longest_piece);
  return part.empty() ? text.substr(0, longest_piece) : part;
}

std::size_t pieces_in(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count)
    text.remove_prefix(next_piece(text).size());
  return count;
}

struct read_part {
  std::string text;
  std::size_t first, behind, all; // pieces
};

read_part part_of(std::string_view text, std::size_t from, std::size_t lines) {
  read_part part{{}, from, from, 0};
  for (; !text.empty(); ++part.all) {
    const auto piece = next_piece(text);
    text.remove_prefix(piece.size());
    if (part.all == part.behind && part.all >= from && part.all - from < lines
        && part.text.size() + piece.size() <= most_at_once) {
      part.text += piece;
      ++part.behind;
    }
  }
  return part;
}

// An integer within the definition's bounds; models write some as 5.0 or 1e3.
std::size_t number_or(const json::object& args, std::string_view key, std::size_t otherwise) {
  boost::system::error_code inexact;
  const auto* given = member(args, key);
  const auto number = given ? given->to_number<std::size_t>(inexact) : otherwise;
  return inexact ? otherwise : number;
}

void say_last(json::object& message, const std::string& sentence) {
  auto& content = message["content"];
  if (auto* text = content.if_string())
    text->append("\n" + sentence);
  else if (auto* blocks = content.if_array())
    blocks->push_back(text_block(sentence));
}

// In each note of a file: which one it is, and who can have it.
void name_files(json::object& message, const std::vector<left_file>& files) {
  auto& content = message["content"];
  for (auto nth = files.size(); nth != 0; --nth) { // a text's notes move when one before them grows
    const auto& one = files[nth - 1];
    const auto said = "; kept as file " + std::to_string(nth)
                      + (one.is_readable ? ", which read_result gives" : ", for the user");
    auto* blocks = content.if_array();
    auto& text = (blocks ? blocks->at(one.note).at("text") : content).as_string();
    text.insert((blocks ? text.size() : one.note) - 1, said);
  }
}

std::string note_of(const left_parts& left, const std::string& name, std::string_view how_long) {
  const auto kept = "kept whole for " + std::string(how_long) + " as " + name;
  if (left.text.empty())
    return "[" + std::string(left.files.size() == 1 ? "the file is " : "the files are ") + kept
           + "]";
  const std::string_view whole = left.text;
  const auto before = pieces_in(whole.substr(0, left.text_shown));
  return "[" + kept + ": read_result reads on, from line "
         + std::to_string(before == 0 ? 0 : before - 1) + " of " + std::to_string(pieces_in(whole))
         + "]";
}

// Drops all but the newest, after one was put: of calls side by side the last one sees them all.
// Whether that one, `newest`, is among those that stay. Names are in the order of their time.
coroutine<bool> drop_oldest(context ctx, std::vector<std::string> newest) {
  const auto here = place_of(ctx);
  auto listing = ctx.store().namespaces(labels{here[0], here[1]});
  listing.limit(most_listed);
  const auto listed = co_await listing;
  bool stays_there = listed && listed->size() < most_listed; // a bound must not fail open
  std::vector<std::vector<std::string>> all;
  if (listed)
    all = *listed;
  // A rule of authorization may have put labels before each, which it puts there again.
  for (auto& ns : all)
    if (ns.size() > newest.size())
      ns.erase(ns.begin(), ns.end() - static_cast<std::ptrdiff_t>(newest.size()));
  if (std::find(all.begin(), all.end(), newest) == all.end())
    all.push_back(newest);
  // The user may have put others there; and "*", should anybody be called so, lists everybody's.
  std::erase_if(all, [&](const auto& ns) {
    return ns.size() != newest.size() || ns[0] != here[0] || ns[1] != here[1];
  });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a[3] > b[3]; });
  std::size_t of_user = 0, of_thread = 0;
  for (const auto& ns : all) {
    const bool same_thread = ns[2] == here[2];
    const bool fits = of_user < most_of_user && (!same_thread || of_thread < most_of_thread);
    if (fits && (stays_there || ns != newest)) {
      ++of_user;
      of_thread += same_thread ? 1 : 0;
      continue;
    }
    stays_there = stays_there && ns != newest;
    auto gone = ctx.store().del(ns, item_key);
    co_await gone;
  }
  co_return stays_there;
}

// What the user has put there is checked like what a service gives.
json::object file_in(const json::object& kept, std::size_t nth, const requested_call& what) {
  const auto* found = member(kept, "files");
  const auto* files = found ? found->if_array() : nullptr;
  const auto count = files ? files->size() : 0;
  const auto refused = [&](const std::string& why) {
    return tool_error(what.id, what.name, "Error: " + why);
  };
  if (nth == 0 || nth > count || !(*files)[nth - 1].is_object())
    return refused("the result has no file " + std::to_string(nth) + ": it has "
                   + std::to_string(count) + ".");
  const auto& file = (*files)[nth - 1].get_object();
  const auto data = string_or(file, "base64");
  const auto which =
    std::to_string(nth) + ", of " + std::string(cut_utf8(string_or(file, "mime_type"), 100));
  if (data.size() > result_bounds{}.media_bytes)
    return refused("file " + which + ", is too large for a model. The user can fetch it.");
  auto block = media_block(data);
  if (!block)
    return refused("models cannot read file " + which + ". The user can fetch it.");
  auto answer = builtin_answer(what, {});
  answer["content"] = list(std::move(*block));
  return answer;
}

json::object lines_in(const json::object& kept, const requested_call& what) {
  const auto from = number_or(what.args, "from", 0);
  const auto lines = number_or(what.args, "lines", usual_lines);
  const auto part = part_of(string_or(kept, "text"), from, lines);
  if (part.behind == part.first)
    return tool_error(what.id, what.name,
                      "Error: there is no line " + std::to_string(from) + ": the result has "
                        + std::to_string(part.all) + " lines, from 0 on.");
  return builtin_answer(what, part.text + "\n[lines " + std::to_string(part.first) + " to "
                                + std::to_string(part.behind - 1) + " of "
                                + std::to_string(part.all) + "]");
}

coroutine<tool_outcome> read_result(context ctx, requested_call what) {
  const auto name = std::string(string_or(what.args, "name"));
  auto asked = ctx.store().get(place_of(ctx, name.empty() ? "-" : name), item_key);
  const auto item = co_await asked;
  if (!item)
    co_return tool_error(what.id, what.name,
                         "Error: there is no result of that name, or not any more.");
  const auto& kept = item->value;
  const auto file = number_or(what.args, "file", 0);
  tool_outcome made = file ? file_in(kept, file, what) : lines_in(kept, what);
  made.seen = taint_from_json(member(kept, "taint"));
  co_return made;
}

class kept_results final : public known_toolbox {
public:
  kept_results()
    : known_toolbox(std::string(kept_service), json::object{{"tools", json::array{}}}) {}

  coroutine<tool_outcome> call(context ctx, requested_call what) const override {
    return read_result(std::move(ctx), std::move(what));
  }
};

} // namespace

coroutine<void> keep_left(context ctx, tool_outcome& outcome, const taint& seen) {
  auto left = std::exchange(outcome.left, {});
  const auto name = uuid7();
  const bool briefly = is_temporary(ctx);
  const auto note = note_of(left, name, briefly ? "an hour" : "7 days");
  json::object kept{{"tool", string_or(outcome.message, "name")},
                    {"tool_call_id", string_or(outcome.message, "tool_call_id")}};
  kept["text"] = std::move(left.text);
  json::array files, names;
  for (auto& one : left.files) {
    names.push_back(one.file["name"]);
    files.push_back(std::move(one.file));
  }
  if (!files.empty())
    kept["files"] = std::move(files);
  if (!seen.none())
    kept["taint"] = to_json(seen);
  const auto place = place_of(ctx, name);
  auto put = ctx.store().put(place, item_key, std::move(kept));
  put.ttl(briefly ? stays_without_thread : stays).index({});
  if (const auto done = co_await put; !done)
    co_return;
  auto dropping = drop_oldest(ctx, place);
  if (!co_await std::move(dropping))
    co_return;
  name_files(outcome.message, left.files);
  say_last(outcome.message, note);
  auto artifact = object_or_empty(outcome.message, "artifact");
  json::object where{{"namespace", json::value_from(place)}, {"key", item_key}};
  if (!names.empty())
    where["files"] = std::move(names);
  artifact["kept"] = std::move(where);
  outcome.message["artifact"] = std::move(artifact);
  outcome.changes.set(std::string(kept_channel), true);
}

std::shared_ptr<const toolbox> kept_toolbox() {
  return std::make_shared<kept_results>();
}

agent_tool kept_tool() {
  tool_source source{std::string(kept_service)};
  source.reads = {"*"};
  source.trusted = true;
  json::object listed{{"tools", list(parse_json(definition).value())}};
  auto made = make_tool_list({source}, {{source.service, std::move(listed)}});
  return std::move(made.tools.front());
}

} // namespace behalf
