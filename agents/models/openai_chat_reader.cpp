#include "agents/models/openai_chat_reader.hpp"

#include "agents/models/openai_error.hpp"
#include "agents/models/repeated_event.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace behalf {
namespace {

// Keys of an answer's parts. There is one of each, but for images and calls.
constexpr int64_t text_part = 0, reasoning_part = 1, refusal_part = 2, first_of_many = 16;

struct finish_word {
  std::string_view said;
  stop_reason why;
};

constexpr std::array finish_words{
  finish_word{"stop", stop_reason::end},
  finish_word{"end_turn", stop_reason::end},
  finish_word{"eos", stop_reason::end},
  finish_word{"length", stop_reason::length},
  finish_word{"max_tokens", stop_reason::length},
  finish_word{"model_length", stop_reason::length},
  finish_word{"tool_calls", stop_reason::tool_calls},
  finish_word{"function_call", stop_reason::tool_calls},
  finish_word{"content_filter", stop_reason::content_filter},
};

// Reasons for an end that is no end: the server gave up.
struct broken_word {
  std::string_view said, kind;
};

constexpr std::array broken_words{
  broken_word{"error", "model_unavailable"},
  broken_word{"abort", "model_stream_cut"},
  broken_word{"insufficient_system_resource", "model_overloaded"},
};

error broken(std::string_view why, std::string_view kind) {
  auto e = fail(errc::upstream, "the model's provider " + std::string(why));
  e.kind = kind;
  return e;
}

// As OpenAI's own client takes it: an "error" of null, false, "" or {} is none.
bool says_something(const json::value* v) {
  return v && !v->is_null() && *v != false && *v != "" && *v != json::value(json::object{});
}

// Of two names for the same, the first that has text.
std::string_view first_text(const json::object& o, std::string_view a, std::string_view b) {
  const auto text = string_or(o, a);
  return text.empty() ? string_or(o, b) : text;
}

const json::object* object_at(const json::array& all, std::size_t i) {
  return i < all.size() ? all[i].if_object() : nullptr;
}

const json::array& list_or_empty(const json::object& o, std::string_view key) {
  static const json::array none;
  const auto* v = member(o, key);
  return v && v->is_array() ? v->get_array() : none;
}

int64_t count_at(const json::object& o, std::string_view key) {
  return std::clamp<int64_t>(int_or(o, key), 0, 1'000'000'000'000);
}

token_usage tokens_of(const json::object& said) {
  const auto& read = object_or_empty(said, "prompt_tokens_details");
  const auto& written = object_or_empty(said, "completion_tokens_details");
  token_usage t;
  t.input = count_at(said, "prompt_tokens");
  t.output = count_at(said, "completion_tokens");
  t.cache_read = std::max(count_at(read, "cached_tokens"),
                          count_at(said, "prompt_cache_hit_tokens")); // DeepSeek
  t.cache_creation = count_at(read, "cache_write_tokens");
  t.reasoning = count_at(written, "reasoning_tokens");
  return t;
}

// {"type": "url_citation", "url_citation": {url, title, start_index, end_index}}
json::object citation_of(const json::object& annotation) {
  const auto& said = object_or_empty(annotation, "url_citation");
  json::object citation{{"type", "citation"}};
  for (const auto* key : {"url", "title", "start_index", "end_index"})
    if (const auto* v = member(said, key))
      citation[key] = *v;
  return citation;
}

// {"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}
json::object image_of(const json::object& said) {
  const auto url = string_or(object_or_empty(said, "image_url"), "url");
  const auto comma = url.find(";base64,");
  json::object image{{"type", "image"}};
  if (url.starts_with("data:") && comma != url.npos) {
    image["base64"] = std::string(url.substr(comma + 8));
    image["mime_type"] = std::string(url.substr(5, comma - 5));
  } else {
    image["url"] = std::string(url);
  }
  return image;
}

// The text of a chunk that says nothing else; "" when it does, or has none.
std::string_view text_alone(const json::object& chunk) {
  const auto* choice = object_at(list_or_empty(chunk, "choices"), 0);
  if (!choice || int_or(*choice, "index") != 0 || !string_or(*choice, "finish_reason").empty())
    return {};
  const auto& delta = object_or_empty(*choice, "delta");
  const auto says_nothing = [](const json::key_value_pair& one) {
    const auto& v = one.value();
    return one.key() == "content" || one.key() == "role" || v.is_null() || v == ""
           || v == json::value(json::array{});
  };
  return std::all_of(delta.begin(), delta.end(), says_nothing) ? string_or(delta, "content") : "";
}

// OpenRouter wants these back as they were, put together: pieces of one are of one index.
class reasoning_details {
public:
  explicit reasoning_details(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  result<void> take(const json::array& pieces) {
    for (const auto& piece : pieces) {
      bytes_ += text_bytes(piece, most_bytes_);
      if (bytes_ > most_bytes_)
        return broken("reasons at greater length than max_answer_bytes", "model_answer_too_long");
      if (const auto* o = piece.if_object())
        add(*o);
    }
    return {};
  }
  bool empty() const { return all_.empty(); }
  json::array take_all() { return std::move(all_); }

private:
  void add(const json::object& piece) {
    auto* last = all_.empty() ? nullptr : &all_.back().get_object();
    if (!last || !continues(*last, piece)) {
      all_.push_back(piece);
      return;
    }
    for (const auto& [key, v] : piece) {
      auto& to = (*last)[key];
      if (to.is_string() && v.is_string() && (key == "text" || key == "summary" || key == "data"))
        to.get_string().append(v.get_string());
      else if (!v.is_null())
        to = v;
    }
  }
  static bool continues(const json::object& last, const json::object& piece) {
    const auto *index = member(last, "index"), *next = member(piece, "index");
    return index && next && *index == *next && string_or(last, "type") == string_or(piece, "type");
  }

  json::array all_; // of objects
  std::size_t bytes_ = 0, most_bytes_;
};

class chat_reader final : public answer_reader {
public:
  explicit chat_reader(std::size_t most_bytes) : details_(most_bytes) {}

  result<void> take(const stream_event& event, answer& to) override {
    if (done_ || event.data.empty())
      return {};
    if (event.data == "[DONE]") {
      done_ = true;
      return {};
    }
    if (const auto text = last_text_.text_of(event.data); text && event.name == "message") {
      to.text(text_part, *text);
      return {};
    }
    const auto parsed = parse_json(event.data);
    const auto* chunk = parsed ? parsed->if_object() : nullptr;
    if (!chunk)
      return unreadable_answer("an event that is no JSON object");
    if (const auto* said = member(*chunk, "error"); says_something(said))
      return openai_stream_error(*said);
    if (event.name == "error" || string_or(*chunk, "object") == "error")
      return openai_stream_error(*parsed);
    if (auto taken = take_choice(*chunk, to); !taken)
      return taken;
    if (const auto* usage = member(*chunk, "usage"); usage && usage->is_object())
      to.usage(tokens_of(usage->get_object()));
    else if (const auto text = text_alone(*chunk); !text.empty())
      last_text_.learn(event.data, "content", text);
    return {};
  }

  bool done() const override { return done_; }

  result<void> end(answer& to) override {
    if (!begun_ || !(done_ || to.stopped()))
      return cut_answer();
    if (!to.stopped())
      to.stop(why(stop_reason::end), "finish_reason", "stop");
    if (!details_.empty()) {
      to.reasoning(reasoning_part, {}); // they may be encrypted, with no text beside them
      to.extra(reasoning_part, "reasoning_details", details_.take_all());
    }
    return {};
  }

private:
  struct open_call {
    int64_t key = 0;
    std::string name;
    bool has_arguments = false;
  };

  result<void> take_choice(const json::object& chunk, answer& to) {
    const auto* choice = object_at(list_or_empty(chunk, "choices"), 0);
    if (!choice || int_or(*choice, "index") != 0)
      return {};
    begun_ = true;
    if (const auto* said = member(*choice, "error"); says_something(said))
      return openai_stream_error(*said);
    const auto* delta = member(*choice, "delta");
    if (!delta || !delta->is_object())
      delta = member(*choice, "message"); // a whole answer in one event
    if (delta && delta->is_object())
      if (auto taken = take_delta(delta->get_object(), to); !taken)
        return taken;
    if (const auto said = string_or(*choice, "finish_reason"); !said.empty())
      return finish(said, chunk, to);
    return {};
  }

  result<void> take_delta(const json::object& delta, answer& to) {
    const auto& details = list_or_empty(delta, "reasoning_details");
    if (auto taken = details_.take(details); !taken)
      return taken;
    take_reasoning(delta, details, to);
    take_content(delta, to);
    if (const auto text = string_or(delta, "refusal"); !text.empty()) {
      to.refusal(refusal_part, text);
      refused_ = true;
    }
    for (const auto& one : list_or_empty(delta, "annotations"))
      if (const auto* o = one.if_object(); o && string_or(*o, "type") == "url_citation")
        to.annotation(text_part, citation_of(*o));
    for (const auto& one : list_or_empty(delta, "images"))
      if (const auto* o = one.if_object())
        to.block(next_key_++, image_of(*o));
    const auto& calls = list_or_empty(delta, "tool_calls");
    for (std::size_t i = 0; i < calls.size(); ++i)
      if (const auto* o = object_at(calls, i))
        take_call(*o, int_or(*o, "index", static_cast<int64_t>(i)), to);
    if (const auto* old = member(delta, "function_call"); old && old->is_object())
      take_call(json::object{{"function", *old}}, 0, to);
    return {};
  }

  // Under either of two names, or in the details alone.
  static void take_reasoning(const json::object& delta, const json::array& details, answer& to) {
    const auto text = first_text(delta, "reasoning_content", "reasoning");
    if (!text.empty())
      return to.reasoning(reasoning_part, text);
    for (const auto& one : details)
      if (const auto* o = one.if_object())
        if (const auto part = first_text(*o, "text", "summary"); !part.empty())
          to.reasoning(reasoning_part, part);
  }

  // Text, or a list of blocks (Mistral), which may hold what the model thought.
  static void take_content(const json::object& delta, answer& to) {
    if (const auto text = string_or(delta, "content"); !text.empty())
      to.text(text_part, text);
    for (const auto& one : list_or_empty(delta, "content")) {
      const auto* block = one.if_object();
      if (!block)
        continue;
      if (const auto text = string_or(*block, "text"); !text.empty())
        to.text(text_part, text);
      for (const auto& thought : list_or_empty(*block, "thinking"))
        if (const auto* o = thought.if_object())
          if (const auto text = string_or(*o, "text"); !text.empty())
            to.reasoning(reasoning_part, text);
    }
  }

  // Servers use an index twice, leave out ids, and repeat names: see begins_another.
  void take_call(const json::object& said, int64_t index, answer& to) {
    const auto& function = object_or_empty(said, "function");
    const auto id = string_or(said, "id"), name = string_or(function, "name");
    const auto [at, is_new] = calls_.try_emplace(index);
    auto& call = at->second;
    if (is_new || begins_another(call, id, name, to)) {
      call = {next_key_++, std::string(name), false};
      to.call(call.key, id, name);
    } else if (!call.has_arguments && name != call.name && !name.empty()) {
      call.name += name;
      to.call_name(call.key, name);
    }
    take_arguments(member(function, "arguments"), call, to);
  }

  static bool begins_another(const open_call& last, std::string_view id, std::string_view name,
                             const answer& to) {
    const auto given = to.given_id(last.key);
    if (!id.empty() && id != given)
      return !given.empty() || (last.has_arguments && !name.empty());
    return last.has_arguments && !name.empty() && name != last.name;
  }

  // JSON text, whole or in pieces; some servers send the object itself.
  static void take_arguments(const json::value* said, open_call& call, answer& to) {
    if (!said || said->is_null() || (said->is_object() && said->get_object().empty()))
      return;
    const auto text = said->is_string() ? std::string() : dump(*said);
    const std::string_view more =
      said->is_string() ? std::string_view(said->get_string().data(), said->get_string().size())
                        : std::string_view(text);
    if (more.empty())
      return;
    to.arguments(call.key, more);
    call.has_arguments = true;
  }

  result<void> finish(std::string_view said, const json::object& chunk, answer& to) {
    for (const auto& one : broken_words)
      if (one.said == said)
        return broken("gave up in the middle of its answer (" + std::string(said) + ")", one.kind);
    auto reason = stop_reason::other;
    for (const auto& one : finish_words)
      if (one.said == said)
        reason = one.why;
    to.stop(why(reason), "finish_reason", said);
    if (const auto model = string_or(chunk, "model"); !model.empty())
      to.response("model_name", json::string(model));
    for (const auto* key : {"id", "system_fingerprint", "service_tier"})
      if (const auto text = string_or(chunk, key); !text.empty())
        to.response(key, json::string(text));
    return {};
  }

  // "stop" is also what is said after a call the request forced, and after a refusal.
  stop_reason why(stop_reason said) const {
    return said != stop_reason::end ? said
           : refused_               ? stop_reason::refusal
           : !calls_.empty()        ? stop_reason::tool_calls
                                    : said;
  }

  std::map<int64_t, open_call> calls_; // the last one of each index
  int64_t next_key_ = first_of_many;
  reasoning_details details_;
  repeated_event last_text_;
  bool begun_ = false; // a choice came
  bool done_ = false;  // [DONE] came
  bool refused_ = false;
};

} // namespace

std::unique_ptr<answer_reader> openai_chat_reader(std::size_t most_bytes) {
  return std::make_unique<chat_reader>(most_bytes);
}

} // namespace behalf
