#include "agents/models/answer.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <utility>

namespace behalf {
namespace {

constexpr std::size_t part_bytes = 256; // about what one takes, empty
constexpr std::size_t most_calls = 128;

error unusable(std::string message, std::string kind) {
  auto why = fail(errc::upstream, std::move(message));
  why.kind = std::move(kind);
  return why;
}

// Providers count in text we do not trust: sums of these stay far from overflow.
int64_t counted(int64_t tokens) {
  return std::clamp<int64_t>(tokens, 0, 1'000'000'000'000'000);
}

void add_extras(json::object& block, json::object extras) {
  if (extras.empty())
    return;
  auto& all = block["extras"];
  if (!all.is_object())
    all = json::object{};
  for (auto& [key, v] : extras)
    all.get_object()[key] = std::move(v);
}

} // namespace

// The message's parts as they are finished.
struct answer::finished {
  json::array blocks, calls, invalid_calls;
  std::string plain;
  bool listed = false;
};

answer::answer(std::string id, std::string provider, std::size_t most_bytes)
  : id_(std::move(id)), provider_(std::move(provider)), most_bytes_(most_bytes) {}

void answer::grown_text::add(std::string_view more) {
  if (clean)
    clean->feed(more, text);
  else
    text += more;
  find_whole();
}

void answer::grown_text::end() {
  if (clean)
    clean->finish(text);
  find_whole();
}

void answer::grown_text::find_whole() {
  auto rest = std::string_view(text).substr(whole);
  for (std::size_t n = 0; (n = utf8_length(rest)) != 0; whole += n)
    rest.remove_prefix(n);
}

std::string_view answer::grown_text::take() {
  const auto from = std::exchange(sent, whole);
  return std::string_view(text).substr(from, whole - from);
}

json::value answer::cleaned(json::value v) const {
  if (scrub_)
    scrub(v, *scrub_);
  return v;
}

std::string answer::cleaned(std::string_view text) const {
  std::string all(text);
  if (scrub_)
    scrub(all, *scrub_);
  return all;
}

// Clients show a call by the name it begins with: it is not begun with a part of one.
void answer::end_name(part& p) {
  if (!std::exchange(p.named, true))
    p.name.end();
}

// Nothing follows.
void answer::end_texts() {
  if (!scrub_)
    return;
  for (auto& p : parts_) {
    p.text.end();
    p.name.end();
    p.named = true;
    for (auto& [key, clean] : p.clean) {
      std::string rest;
      clean->finish(rest);
      append(p, key, rest);
    }
    touch(p);
  }
}

std::size_t answer::bytes() const {
  return bytes_ - parts_.size() * part_bytes;
}

bool answer::room(std::size_t more) {
  if (over_ || more > most_bytes_ - bytes_) {
    over_ = true;
    return false;
  }
  bytes_ += more;
  return true;
}

// Notes what no state could hold.
bool answer::storable(const json::value& v, std::string_view key) {
  invalid_ = invalid_ || !is_utf8(key) || !check_storable(v);
  return !invalid_ && room(key.size() + text_bytes(v, most_bytes_));
}

answer::part* answer::open(part_keys& keys, int64_t key, part_type type) {
  if (!room(part_bytes))
    return nullptr;
  keys[key] = parts_.size();
  auto& opened = parts_.emplace_back();
  opened.type = type;
  if (scrub_) {
    opened.text.clean = scrub_->in_pieces();
    opened.name.clean = scrub_->in_pieces();
  }
  return &opened;
}

// Null when there is no room for another part.
answer::part* answer::content(int64_t key, part_type type) {
  auto at = content_.find(key);
  if (at == content_.end())
    return open(content_, key, type);
  auto& there = parts_[at->second];
  if (there.type == part_type::unknown)
    there.type = type;
  return there.type == type || type == part_type::unknown ? &there : open(content_, key, type);
}

answer::part* answer::begun(int64_t key) {
  auto at = calls_.find(key);
  return at == calls_.end() ? nullptr : &parts_[at->second];
}

void answer::touch(part& p) {
  if (!std::exchange(p.touched, true))
    touched_.push_back(static_cast<std::size_t>(&p - parts_.data()));
}

void answer::grow(int64_t key, part_type type, std::string_view more) {
  auto* p = content(key, type);
  if (!p || !room(more.size()))
    return;
  p->text.add(more);
  listed_ = listed_ || (type != part_type::text && !more.empty());
  touch(*p);
}

void answer::text(int64_t part, std::string_view more) {
  grow(part, part_type::text, more);
}

void answer::reasoning(int64_t part, std::string_view more) {
  grow(part, part_type::reasoning, more);
}

void answer::refusal(int64_t part, std::string_view more) {
  grow(part, part_type::refusal, more);
}

void answer::annotation(int64_t part, json::object citation) {
  const auto whole = cleaned(std::move(citation));
  auto* p = content(part, part_type::text);
  if (!p || !storable(whole, {}))
    return;
  p->annotations.push_back(whole);
  listed_ = true;
  touch(*p);
}

void answer::block(int64_t part, json::object whole) {
  auto body = cleaned(std::move(whole));
  auto* p = content(part, part_type::block);
  if (!p || !storable(body, {}))
    return;
  p->body = std::move(body.get_object());
  listed_ = true;
  touch(*p);
}

void answer::extra(int64_t part, std::string_view key, json::value value) {
  value = cleaned(std::move(value));
  auto* p = content(part, part_type::unknown);
  if (!p || !storable(value, key))
    return;
  p->new_extras[key] = value;
  p->extras[key] = std::move(value);
  listed_ = true;
  touch(*p);
}

void answer::append_extra(int64_t part, std::string_view key, std::string_view more) {
  auto* p = content(part, part_type::unknown);
  invalid_ = invalid_ || !is_utf8(more) || !is_utf8(key);
  if (!p || invalid_ || !room(key.size() + more.size()))
    return;
  if (scrub_) {
    auto& clean = p->clean[std::string(key)];
    if (!clean)
      clean = scrub_->in_pieces();
    std::string known;
    clean->feed(more, known);
    append(*p, key, known);
  } else {
    append(*p, key, more);
  }
  listed_ = true;
  touch(*p);
}

void answer::append(part& p, std::string_view key, std::string_view more) {
  for (auto* extras : {&p.new_extras, &p.extras}) {
    auto& there = (*extras)[key];
    if (!there.is_string())
      there = "";
    there.get_string().append(more);
  }
}

void answer::call(int64_t key, std::string_view given, std::string_view name) {
  const auto id = cleaned(given);
  invalid_ = invalid_ || !is_utf8(id);
  if (invalid_ || !room(2 * id.size() + name.size()))
    return;
  if (call_ids_.size() > most_calls) {
    calls_.erase(key);
    return;
  }
  auto* p = open(calls_, key, part_type::call);
  if (!p)
    return;
  p->excess = call_ids_.size() == most_calls;
  p->given_id = given;
  p->id = id.empty() || call_ids_.contains(id) ? "call_" + random_hex(12) : id;
  call_ids_.insert(p->id);
  p->name.add(name);
  touch(*p);
}

bool answer::has_call(int64_t key) const {
  return calls_.contains(key);
}

std::string_view answer::given_id(int64_t key) const {
  auto at = calls_.find(key);
  return at == calls_.end() ? std::string_view{} : parts_[at->second].given_id;
}

void answer::call_name(int64_t key, std::string_view more) {
  auto* p = begun(key);
  if (!p || !room(more.size()))
    return;
  p->name.add(more);
  touch(*p);
}

void answer::arguments(int64_t key, std::string_view more) {
  auto* p = begun(key);
  if (!p || !room(more.size()))
    return;
  if (!more.empty())
    end_name(*p);
  p->text.add(more);
  touch(*p);
}

void answer::call_extra(int64_t key, std::string_view name, json::value value) {
  value = cleaned(std::move(value));
  auto* p = begun(key);
  if (p && storable(value, name))
    p->extras[name] = std::move(value);
}

void answer::usage(const token_usage& so_far) {
  usage_ = {.input = counted(so_far.input),
            .output = counted(so_far.output),
            .cache_read = counted(so_far.cache_read),
            .cache_creation = counted(so_far.cache_creation),
            .reasoning = counted(so_far.reasoning)};
  // They are of the input, whatever a provider says of each.
  usage_.cache_read = std::min(usage_.cache_read, usage_.input);
  usage_.cache_creation = std::min(usage_.cache_creation, usage_.input - usage_.cache_read);
  counted_ = true;
}

void answer::stop(stop_reason why, std::string_view field, std::string_view as_said) {
  stopped_ = true;
  why_ = why;
  invalid_ = invalid_ || !is_utf8(as_said);
  if (invalid_ || !room(as_said.size()))
    return;
  stop_field_ = field;
  stop_said_ = cleaned(as_said);
}

void answer::response(std::string_view key, json::value value) {
  value = cleaned(std::move(value));
  if (storable(value, key))
    response_[key] = std::move(value);
}

// What of the part is new, as a block to be merged with those of the same index.
std::optional<json::object> answer::block_chunk(part& p, std::size_t index) {
  json::object b;
  if (p.type == part_type::block && !p.shown) {
    b = p.body;
    b["index"] = index;
  } else if (p.type != part_type::block && p.type != part_type::unknown) {
    const char* name = p.type == part_type::text        ? "text"
                       : p.type == part_type::reasoning ? "reasoning"
                                                        : "refusal";
    b = {{"type", name}, {name, p.text.take()}, {"index", index}};
    if (p.annotations_shown < p.annotations.size())
      b["annotations"] =
        json::array(p.annotations.begin() + p.annotations_shown, p.annotations.end());
    p.annotations_shown = p.annotations.size();
    if (b.size() == 3 && b[name].get_string().empty() && p.new_extras.empty())
      return {};
  } else if (p.type == part_type::unknown || p.new_extras.empty()) {
    return {};
  } else {
    b = {{"type", string_or(p.body, "type")}, {"index", index}};
  }
  p.shown = true;
  add_extras(b, std::exchange(p.new_extras, {}));
  return b;
}

std::optional<json::object> answer::call_chunk(part& p, std::size_t index) {
  if (p.name.clean && !p.named)
    return {};
  const auto name = p.name.take();
  const auto more = p.text.take();
  const bool first = !std::exchange(p.shown, true);
  if (!first && name.empty() && more.empty())
    return {};
  return json::object{{"name", name.empty() ? json::value(nullptr) : json::value(name)},
                      {"args", more},
                      {"id", first ? json::value(p.id) : json::value(nullptr)},
                      {"index", index},
                      {"type", "tool_call_chunk"}};
}

// The keys of AIMessageChunk in LangChain's order. What says how to read the content comes once.
json::object answer::chunk(json::value content, json::array calls, json::object metadata) {
  if (!std::exchange(begun_, true))
    metadata["model_provider"] = provider_;
  if (listed_ && !std::exchange(listed_begun_, true))
    metadata["output_version"] = "v1";
  json::object c;
  c.reserve(11);
  c.emplace("content", std::move(content));
  c.emplace("additional_kwargs", json::object{});
  c.emplace("response_metadata", std::move(metadata));
  c.emplace("type", "AIMessageChunk");
  c.emplace("name", nullptr);
  c.emplace("id", id_);
  c.emplace("tool_calls", json::array{});
  c.emplace("invalid_tool_calls", json::array{});
  c.emplace("usage_metadata", nullptr);
  c.emplace("tool_call_chunks", std::move(calls));
  c.emplace("chunk_position", nullptr);
  return c;
}

json::value answer::nothing() const {
  return listed_ ? json::value(json::array{}) : json::value("");
}

std::optional<json::object> answer::take_chunk() {
  std::string plain;
  json::array blocks, calls;
  for (auto index : touched_) {
    auto& p = parts_[index];
    p.touched = false;
    if (p.type == part_type::call) {
      if (auto more = call_chunk(p, index))
        calls.push_back(std::move(*more));
    } else if (!listed_) {
      plain += p.text.take();
    } else if (auto more = block_chunk(p, index)) {
      blocks.push_back(std::move(*more));
    }
  }
  touched_.clear();
  if (plain.empty() && blocks.empty() && calls.empty())
    return {};
  auto content = listed_ ? json::value(std::move(blocks)) : json::value(plain);
  return chunk(std::move(content), std::move(calls), {});
}

std::string answer::take_plain() {
  std::string plain;
  const auto is_text = [this](std::size_t index) { return parts_[index].type == part_type::text; };
  if (!begun_ || listed_ || !std::all_of(touched_.begin(), touched_.end(), is_text))
    return plain;
  for (auto index : touched_) {
    parts_[index].touched = false;
    plain += parts_[index].text.take();
  }
  touched_.clear();
  return plain;
}

const std::shared_ptr<const json::object>& answer::plain_chunk() {
  if (!plain_)
    plain_ = std::make_shared<const json::object>(chunk("", {}, {}));
  return plain_;
}

json::object answer::stop_metadata() const {
  json::object all;
  if (!stop_field_.empty())
    all[stop_field_] = stop_said_;
  merge(all, response_);
  return all;
}

json::value answer::usage_metadata() const {
  if (!counted_)
    return nullptr;
  json::object all{{"input_tokens", usage_.input},
                   {"output_tokens", usage_.output},
                   {"total_tokens", usage_.input + usage_.output}};
  json::object input, output;
  if (usage_.cache_read > 0)
    input["cache_read"] = usage_.cache_read;
  if (usage_.cache_creation > 0)
    input["cache_creation"] = usage_.cache_creation;
  if (usage_.reasoning > 0)
    output["reasoning"] = usage_.reasoning;
  if (!input.empty())
    all["input_token_details"] = std::move(input);
  if (!output.empty())
    all["output_token_details"] = std::move(output);
  return all;
}

std::vector<json::object> answer::last_chunks() {
  end_texts();
  for (auto& p : parts_)
    if (p.type == part_type::unknown) { // nothing but extras came of it
      p.type = part_type::text;
      touch(p);
    }
  std::vector<json::object> all;
  if (auto rest = take_chunk())
    all.push_back(std::move(*rest));
  if (auto metadata = stop_metadata(); !metadata.empty())
    all.push_back(chunk(nothing(), {}, std::move(metadata)));
  if (counted_) {
    all.push_back(chunk(nothing(), {}, {}));
    all.back()["usage_metadata"] = usage_metadata();
  }
  all.push_back(chunk(nothing(), {}, {}));
  all.back()["chunk_position"] = "last";
  return all;
}

void answer::finish_call(part& p, finished& all) const {
  const auto& text = p.text.text;
  auto parsed = parse_json(text.empty() ? "{}" : std::string_view(text), shape_limits{});
  const bool usable = parsed && parsed->is_object();
  const bool cut = why_ == stop_reason::length || why_ == stop_reason::content_filter;
  const char* wrong = p.excess              ? "an answer has at most 128 calls: this one and "
                                              "those after it were not made"
                      : p.name.text.empty() ? "the call names no tool"
                      : !usable             ? "the arguments are no JSON object"
                      : cut && text.empty() ? "the answer ended before the arguments"
                                            : nullptr;
  json::object c{{"name", p.name.text}};
  if (wrong) {
    c["args"] = text;
    c["id"] = p.id;
    c["error"] = wrong;
    c["type"] = "invalid_tool_call";
  } else {
    c["args"] = std::move(*parsed);
    c["id"] = p.id;
    c["type"] = "tool_call";
  }
  auto& block = all.blocks.emplace_back(c).get_object();
  all.listed = all.listed || !p.extras.empty();
  add_extras(block, std::move(p.extras));
  (wrong ? all.invalid_calls : all.calls).push_back(std::move(c));
}

void answer::finish(part& p, finished& all) const {
  if (p.type == part_type::call) {
    finish_call(p, all);
    return;
  }
  const bool bare = p.annotations.empty() && p.extras.empty();
  if (p.type != part_type::block && bare && p.text.text.empty())
    return;
  json::object b;
  switch (p.type) {
  case part_type::block:
    b = std::move(p.body);
    break;
  case part_type::reasoning:
    b = {{"type", "reasoning"}, {"reasoning", p.text.text}};
    break;
  case part_type::refusal:
    b = {{"type", "refusal"}, {"refusal", p.text.text}};
    break;
  default:
    b = {{"type", "text"}, {"text", p.text.text}};
    all.plain += p.text.text;
  }
  const bool is_text = p.type == part_type::text || p.type == part_type::unknown;
  all.listed = all.listed || !is_text || !bare;
  if (!p.annotations.empty())
    b["annotations"] = std::move(p.annotations);
  add_extras(b, std::move(p.extras));
  all.blocks.push_back(std::move(b));
}

result<json::object> answer::message() && {
  end_texts();
  if (over_)
    return unusable("the model's answer is longer than " + std::to_string(most_bytes_) + " bytes",
                    "model_answer_too_long");
  const auto whole = [](const grown_text& t) { return t.whole == t.text.size(); };
  if (invalid_ || !std::all_of(parts_.begin(), parts_.end(), [&](const part& p) {
        return whole(p.text) && whole(p.name);
      }))
    return unusable("the model's answer holds text that is not UTF-8, or values nested too deep",
                    "model_answer_invalid");
  finished all;
  for (auto& p : parts_)
    finish(p, all);
  json::object metadata{{"model_provider", provider_}};
  merge(metadata, stop_metadata());
  if (all.listed)
    metadata["output_version"] = "v1";
  json::object m;
  m.reserve(9);
  m.emplace("content", all.listed ? json::value(std::move(all.blocks)) : json::value(all.plain));
  m.emplace("additional_kwargs", json::object{});
  m.emplace("response_metadata", std::move(metadata));
  m.emplace("type", "ai");
  m.emplace("name", nullptr);
  m.emplace("id", id_);
  m.emplace("tool_calls", std::move(all.calls));
  m.emplace("invalid_tool_calls", std::move(all.invalid_calls));
  m.emplace("usage_metadata", usage_metadata());
  return m;
}

} // namespace behalf
