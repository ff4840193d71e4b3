#include "agents/models/anthropic.hpp"

#include "agents/models/anthropic_schema.hpp"
#include "agents/models/content.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace behalf {
namespace {

constexpr std::string_view provider_name = "anthropic";
constexpr int64_t usual_max_tokens = 16'384;

std::string_view view(const json::string& s) {
  return {s.data(), s.size()};
}

// ---- the request ----

// The API refuses text without anything to see, of its own making, too.
bool shows_nothing(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

json::object text_of_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

// Ids of other providers may have characters this one refuses: a thread can change its model.
std::string fitted_id(std::string_view id) {
  std::string fitted(id);
  for (auto& c : fitted)
    if (!is_letter_or_digit(c) && c != '_' && c != '-')
      c = '_';
  return fitted;
}

// {"type": "base64" | "url" | "file", …}
result<json::object> source_of(const json::object& block) {
  if (auto url = string_or(block, "url"); !url.empty())
    return json::object{{"type", "url"}, {"url", url}};
  if (auto id = string_or(block, "file_id"); !id.empty())
    return json::object{{"type", "file"}, {"file_id", id}};
  auto mime = string_or(block, "mime_type");
  if (mime.empty())
    return fail(errc::invalid_argument, "an image or file needs its mime_type");
  return json::object{
    {"type", "base64"}, {"media_type", mime}, {"data", string_or(block, "base64")}};
}

result<json::object> image_of(const json::object& block) {
  auto source = source_of(block);
  if (!source)
    return source.error();
  return json::object{{"type", "image"}, {"source", std::move(*source)}};
}

// PDF as it is, text of any kind as text.
result<json::object> document_of(const json::object& block) {
  auto source = source_of(block);
  if (!source)
    return source.error();
  auto mime = string_or(block, "mime_type");
  if (source->at("type") == "base64" && mime != "application/pdf") {
    if (!mime.starts_with("text/") && mime != "application/json")
      return fail(errc::invalid_argument, "this model takes PDF and text files, none of type "
                                            + std::string(cut_utf8(mime, 100)));
    auto text = base64_decode(string_or(block, "base64"));
    if (!text)
      return fail(errc::invalid_argument, "a file's base64 is none");
    *source = {
      {"type", "text"}, {"media_type", "text/plain"}, {"data", valid_utf8(std::move(*text))}};
  }
  json::object document{{"type", "document"}, {"source", std::move(*source)}};
  const auto& extras = object_or_empty(block, "extras");
  if (auto name = string_or(extras, "filename"); !name.empty())
    document["title"] = name;
  for (const auto* key : {"title", "context", "citations"})
    if (const auto* given = member(extras, key))
      document[key] = *given;
  return document;
}

// What people and tools give. nullopt: nothing to send.
result<std::optional<json::object>> given_block(const json::object& block) {
  auto type = string_or(block, "type");
  if (type == "text") {
    auto text = string_or(block, "text");
    if (shows_nothing(text))
      return std::nullopt;
    return text_of_block(text);
  }
  if (type != "image" && type != "file")
    return fail(errc::invalid_argument,
                "this model takes no content of type " + std::string(cut_utf8(type, 100)));
  auto made = type == "image" ? image_of(block) : document_of(block);
  if (!made)
    return made.error();
  return std::move(*made);
}

// As annotations hold a citation: what is the same for all providers, and the rest in extras.
constexpr std::array common_of_citation{"url", "title", "cited_text"};

json::object to_annotation(const json::object& citation) {
  json::object annotation{{"type", "citation"}};
  auto extras = citation;
  for (const auto* key : common_of_citation)
    if (const auto* given = member(citation, key); given && given->is_string()) {
      annotation[key] = *given;
      extras.erase(key);
    }
  if (auto title = string_or(citation, "document_title"); !title.empty())
    annotation["title"] = title;
  annotation["extras"] = std::move(extras);
  return annotation;
}

json::object to_citation(const json::object& annotation) {
  auto citation = object_or_empty(annotation, "extras");
  for (const auto* key : common_of_citation)
    if (const auto* given = member(annotation, key);
        given && !(std::string_view(key) == "title" && citation.contains("document_title")))
      citation[key] = *given;
  return citation;
}

json::object answered_text(const json::object& block, bool ours) {
  auto text = text_of_block(string_or(block, "text"));
  json::array citations;
  if (const auto* all = member(block, "annotations"); ours && all && all->is_array())
    for (const auto& one : all->get_array())
      if (one.is_object() && object_or_empty(one.get_object(), "extras").contains("type"))
        citations.push_back(to_citation(one.get_object()));
  if (!citations.empty())
    text["citations"] = std::move(citations);
  return text;
}

json::object tool_use_of(const json::object& call, bool ours) {
  json::object use{{"type", "tool_use"},
                   {"id", fitted_id(string_or(call, "id"))},
                   {"name", string_or(call, "name")},
                   {"input", object_or_empty(call, "args")}};
  if (const auto* caller = member(object_or_empty(call, "extras"), "caller"); ours && caller)
    use["caller"] = *caller;
  return use;
}

// What a model gave: as it came when this provider made it (`ours`), else what any model can read.
// nullopt: what another provider alone understands.
std::optional<json::object> answered_block(const json::object& block, bool ours) {
  auto type = string_or(block, "type");
  if (type == "tool_call")
    return tool_use_of(block, ours);
  if (type == "text")
    return shows_nothing(string_or(block, "text")) ? std::nullopt
                                                   : std::optional(answered_text(block, ours));
  if (type == "refusal" && !ours) // ours is why it stopped, and no part of the answer
    return shows_nothing(string_or(block, "refusal"))
             ? std::nullopt
             : std::optional(text_of_block(string_or(block, "refusal")));
  if (type == "reasoning" && ours)
    if (auto sign = string_or(object_or_empty(block, "extras"), "signature"); !sign.empty())
      return json::object{
        {"type", "thinking"}, {"thinking", string_or(block, "reasoning")}, {"signature", sign}};
  if (const auto* value = member(block, "value"); type == "non_standard" && ours && value)
    return value->is_object() ? std::optional(value->get_object()) : std::nullopt;
  return std::nullopt;
}

// A tool may give what a model cannot read: it is told so, for the thread has to go on.
json::object tool_result_of(const json::object& message) {
  json::object made{{"type", "tool_result"},
                    {"tool_use_id", fitted_id(string_or(message, "tool_call_id"))}};
  json::array content;
  for (const auto& one : content_blocks(message)) {
    const auto& block = one.get_object();
    if (const auto* value = member(block, "value"); value && block.at("type") == "non_standard") {
      content.push_back(text_of_block(dump(*value)));
      continue;
    }
    auto given = given_block(block);
    if (!given)
      content.push_back(text_of_block("[left out: " + given.error().message + "]"));
    else if (*given)
      content.push_back(std::move(**given));
  }
  if (const auto* plain = member(message, "content"); plain && plain->is_string()) {
    if (!content.empty())
      made["content"] = *plain;
  } else if (!content.empty()) {
    made["content"] = std::move(content);
  }
  if (string_or(message, "status") == "error")
    made["is_error"] = true;
  return made;
}

result<json::array> given_blocks(const json::object& message) {
  json::array all;
  for (const auto& one : content_blocks(message)) {
    auto block = given_block(one.get_object());
    if (!block)
      return block.error();
    if (*block)
      all.push_back(std::move(**block));
  }
  return all;
}

json::array answered_blocks(const json::object& message) {
  json::array all;
  auto ours = made_by(message, provider_name);
  for (const auto& one : content_blocks(message))
    if (auto block = answered_block(one.get_object(), ours))
      all.push_back(std::move(*block));
  return all;
}

void append(json::array& to, json::array&& more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// The conversation in the API's form: messages of one role after another become one.
class conversation {
public:
  explicit conversation(std::string_view system) {
    if (!shows_nothing(system))
      system_.push_back(text_of_block(system));
  }

  result<void> take(const json::object& message) {
    auto type = string_or(message, "type");
    if (type == "ai") {
      take_answer(answered_blocks(message));
      return {};
    }
    if (type == "tool") {
      results_.push_back(tool_result_of(message));
      return {};
    }
    if (type != "human" && type != "system")
      return fail(errc::invalid_argument,
                  "this model takes no message of type " + std::string(cut_utf8(type, 100)));
    auto blocks = given_blocks(message);
    if (!blocks)
      return blocks.error();
    // A system message in the middle is worded as the user's: not every model takes that role
    // there, and to move it to the front would change what was sent before.
    auto first = turns_.empty() && results_.empty() && said_.empty();
    append(type == "system" && first ? system_ : said_, std::move(*blocks));
    return {};
  }

  json::array system() && { return std::move(system_); }

  json::array turns() {
    end_of_user();
    return std::exchange(turns_, {});
  }

private:
  void take_answer(json::array&& blocks) {
    if (blocks.empty())
      return;
    end_of_user();
    if (turns_.empty() || turns_.back().at("role") != "assistant")
      turns_.push_back({{"role", "assistant"}, {"content", json::array{}}});
    append(turns_.back().at("content").as_array(), std::move(blocks));
  }

  // The results of a turn's calls come right after it, before anything else.
  void end_of_user() {
    auto content = std::exchange(results_, {});
    append(content, std::exchange(said_, {}));
    if (!content.empty())
      turns_.push_back({{"role", "user"}, {"content", std::move(content)}});
  }

  json::array system_, turns_;
  json::array results_, said_; // of the user's turn that has not ended
};

json::array tools_of(const chat_request& what) {
  json::array all;
  all.reserve(what.tools.size());
  for (const auto& tool : what.tools) {
    json::object one{{"name", tool.name}};
    if (!tool.description.empty())
      one["description"] = tool.description;
    one["input_schema"] = tool.schema;
    all.push_back(std::move(one));
  }
  return all;
}

json::object tool_choice_of(const chat_request& what, bool thinks) {
  const auto& choice = what.tool_choice;
  if (choice == "none")
    return {{"type", "none"}};
  if (thinks || choice == "auto" || choice.empty())
    return {{"type", "auto"}};
  if (choice == "any")
    return {{"type", "any"}};
  return {{"type", "tool"}, {"name", choice}};
}

// Names of betas for the header, which nothing else may get into.
result<std::string> beta_header(const json::value& betas) {
  std::string all;
  const auto* list = betas.if_array();
  if (!list)
    return fail(errc::invalid_argument, "betas: a list of names");
  for (const auto& one : *list) {
    if (!one.is_string() || !made_of(view(one.get_string()), "-_."))
      return fail(errc::invalid_argument, "betas: " + excerpt(one) + " is no name of a beta");
    all += (all.empty() ? "" : ",") + std::string(view(one.get_string()));
  }
  return all;
}

// A tool choice or a way of thinking has one type, and members of no other: it stands as a whole.
void put_parameter(json::object& to, std::string_view key, const json::value& v) {
  if (key == "tools" || key == "output_config")
    add_parameter(to, key, v);
  else
    to[key] = v;
}

// The parameters of the configuration, and over them those of the request. Null: not sent.
json::object parameters_of(const model_options& model, const chat_request& what) {
  auto all = model.parameters;
  for (const auto& [key, value] : what.parameters)
    put_parameter(all, key, value);
  json::object sent;
  for (auto& [key, value] : all)
    if (!value.is_null() && key != "messages" && key != "stream")
      sent[key] = std::move(value);
  return sent;
}

bool thinks(const json::object& parameters) {
  auto type = string_or(object_or_empty(parameters, "thinking"), "type");
  return !type.empty() && type != "disabled";
}

// What marks where the cache can begin; {}: there is none. Taken out of the parameters, where
// `prompt_caching` is true, false, or how long the provider keeps it: "5m", "1h".
result<json::object> take_cache_mark(json::object& parameters) {
  json::object mark{{"type", "ephemeral"}};
  const auto* given = member(parameters, "prompt_caching");
  if (given && given->is_string() && (*given == "5m" || *given == "1h"))
    mark["ttl"] = *given;
  else if (given && given->is_bool() && !given->get_bool())
    mark.clear();
  else if (given && !given->is_bool())
    return fail(errc::invalid_argument,
                "prompt_caching is true, false, 5m or 1h, not " + excerpt(*given));
  parameters.erase("prompt_caching");
  return mark;
}

// Behind the tools, the system prompt and the conversation.
void mark_last(json::array& of, const json::object& mark) {
  if (!of.empty() && !mark.empty())
    of.back().get_object()["cache_control"] = mark;
}

result<http_operation> operation(const model_options& model, const chat_request& what) {
  conversation all(what.system);
  for (const auto& one : what.messages) {
    if (!one.is_object())
      return fail(errc::invalid_argument, "a message is an object, not " + excerpt(one));
    if (auto taken = all.take(one.get_object()); !taken)
      return taken.error();
  }
  auto turns = all.turns();
  if (turns.empty())
    return fail(errc::invalid_argument, "there is no message to answer");
  auto parameters = parameters_of(model, what);
  http_operation op{"POST", "/v1/messages", {{"anthropic-version", "2023-06-01"}}, {}, true};
  if (const auto* betas = member(parameters, "betas")) {
    auto header = beta_header(*betas);
    if (!header)
      return header.error();
    op.headers.emplace_back("anthropic-beta", std::move(*header));
    parameters.erase("betas");
  }
  const auto mark = take_cache_mark(parameters);
  if (!mark)
    return mark.error();
  auto budget = int_or(object_or_empty(parameters, "thinking"), "budget_tokens");
  json::object body{{"model", model.model},
                    {"max_tokens", usual_max_tokens + std::clamp<int64_t>(budget, 0, 1'000'000)}};
  if (auto tools = tools_of(what); !tools.empty()) {
    mark_last(tools, *mark);
    body["tools"] = std::move(tools);
    body["tool_choice"] = tool_choice_of(what, thinks(parameters));
  }
  if (auto system = std::move(all).system(); !system.empty()) {
    mark_last(system, *mark);
    body["system"] = std::move(system);
  }
  if (turns.back().at("role") == "user")
    mark_last(turns.back().at("content").as_array(), *mark);
  body["messages"] = std::move(turns);
  for (const auto& [key, value] : parameters)
    put_parameter(body, key, value);
  if (!what.response_schema.empty()) {
    json::object format{{"type", "json_schema"},
                        {"schema", anthropic_schema(what.response_schema)}};
    put_parameter(body, "output_config", json::object{{"format", std::move(format)}});
  }
  body["stream"] = true;
  op.body = std::move(body);
  return op;
}

// ---- the answer ----

stop_reason reason_of(std::string_view said) {
  if (said == "end_turn" || said == "stop_sequence")
    return stop_reason::end;
  if (said == "tool_use")
    return stop_reason::tool_calls;
  if (said == "max_tokens" || said == "model_context_window_exceeded")
    return stop_reason::length;
  if (said == "refusal")
    return stop_reason::refusal;
  return said == "pause_turn" ? stop_reason::pause : stop_reason::other;
}

// Thinking is signed for what stood before it: other tools, another prompt or another key make it
// invalid. The API has no code of this, it says "Invalid `signature` in `thinking` block", "Invalid
// `data` in …", or that blocks of thinking in the latest message "cannot be modified".
bool refuses_thinking(std::string_view message) {
  constexpr std::array words{"signature", "`data`", "cannot be modified", "different conversation"};
  const auto said = ascii_lower(message);
  return said.find("thinking") != said.npos
         && std::any_of(words.begin(), words.end(),
                        [&](const char* word) { return said.find(word) != said.npos; });
}

// `document`: {"type": "error", "error": {type, message, details?}}.
model_failure failure_in(int status, const header_list& headers, const json::object& document) {
  const auto& said = object_or_empty(document, "error");
  auto message = string_or(said, "message");
  auto code = string_or(object_or_empty(said, "details"), "error_code", string_or(said, "type"));
  if (message.find("credit balance is too low") != message.npos) // an invalid_request_error
    code = "billing_error";
  if (status == 400 && refuses_thinking(message))
    code = "invalid_encrypted_content";
  return failure_of(status, headers, message, code);
}

class anthropic_reader : public answer_reader {
public:
  explicit anthropic_reader(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  result<void> take(const stream_event& event, answer& to) override {
    if (ended_)
      return {};
    auto parsed = parse_json(event.data);
    if (!parsed || !parsed->is_object())
      return unreadable_answer("what is no JSON object");
    auto& data = parsed->get_object();
    auto type = string_or(data, "type", event.name);
    if (type == "content_block_delta")
      return delta(data, to);
    if (type == "content_block_start")
      return start_block(data, event.data.size(), to);
    if (type == "content_block_stop")
      stop_block(int_or(data, "index", -1), to);
    else if (type == "message_start")
      start(object_or_empty(data, "message"), to);
    else if (type == "message_delta")
      stop(data, to);
    else if (type == "message_stop")
      finish(to);
    else if (type == "error" || event.name == "error")
      return failure_in(200, {}, data).why;
    return {};
  }

  bool done() const override { return ended_; }

  result<void> end(answer& to) override {
    if (ended_ && to.stopped())
      return {};
    return cut_answer();
  }

private:
  enum class block_kind : uint8_t { text, thinking, call, whole };
  struct open_block {
    int64_t key;
    block_kind kind;
    json::object whole; // as it began; of a call: its input only
    std::string input;  // JSON text that comes in pieces
  };

  void start(const json::object& message, answer& to) {
    if (auto id = string_or(message, "id"); !id.empty())
      to.response("id", json::string(id));
    if (auto name = string_or(message, "model"); !name.empty())
      to.response("model_name", json::string(name));
    count(object_or_empty(message, "usage"), to);
  }

  // What `usage` leaves out or has as null stays as it was told before.
  void count(const json::object& usage, answer& to) {
    auto update = [](int64_t& known, const json::object& all, std::string_view key) {
      constexpr int64_t most = 1'000'000'000'000; // so that no sum of them overflows
      known = std::clamp<int64_t>(int_or(all, key, known), 0, most);
    };
    update(uncached_, usage, "input_tokens");
    update(tokens_.cache_read, usage, "cache_read_input_tokens");
    update(tokens_.cache_creation, usage, "cache_creation_input_tokens");
    update(tokens_.output, usage, "output_tokens");
    update(tokens_.reasoning, object_or_empty(usage, "output_tokens_details"), "thinking_tokens");
    tokens_.input = uncached_ + tokens_.cache_read + tokens_.cache_creation;
    to.usage(tokens_);
  }

  result<void> start_block(json::object& data, std::size_t bytes, answer& to) {
    constexpr int64_t most_blocks = 10'000;
    auto index = int_or(data, "index", -1);
    stop_block(index, to); // the one before it never ended
    if (++blocks_ > most_blocks)
      return unreadable_answer("too many blocks");
    auto* given = data.if_contains("content_block");
    if (!given || !given->is_object())
      return unreadable_answer("a block without content");
    auto& block = given->get_object();
    auto type = string_or(block, "type");
    open_block opened{blocks_, block_kind::whole, {}, {}};
    if (type == "text")
      start_text(opened, block, to);
    else if (type == "thinking")
      start_thinking(opened, block, to);
    else if (type == "tool_use")
      start_call(opened, block, to);
    else if (!hold(bytes))
      return unreadable_answer("an answer that is too long");
    else
      opened.whole = std::move(block);
    open_.emplace(index, std::move(opened));
    return {};
  }

  // Whole blocks are kept here until they end. False: that is more than an answer may have.
  bool hold(std::size_t bytes) {
    held_ += bytes;
    return held_ <= most_bytes_;
  }

  static void start_text(open_block& opened, const json::object& block, answer& to) {
    opened.kind = block_kind::text;
    to.text(opened.key, string_or(block, "text"));
    if (const auto* all = member(block, "citations"); all && all->is_array())
      for (const auto& one : all->get_array())
        if (one.is_object())
          to.annotation(opened.key, to_annotation(one.get_object()));
  }

  // With `display: omitted` the text stays empty: the signature alone has to go back.
  static void start_thinking(open_block& opened, const json::object& block, answer& to) {
    opened.kind = block_kind::thinking;
    to.reasoning(opened.key, string_or(block, "thinking"));
    if (auto sign = string_or(block, "signature"); !sign.empty())
      to.append_extra(opened.key, "signature", sign);
  }

  static void start_call(open_block& opened, const json::object& block, answer& to) {
    opened.kind = block_kind::call;
    to.call(opened.key, string_or(block, "id"), string_or(block, "name"));
    if (const auto* caller = member(block, "caller"))
      to.call_extra(opened.key, "caller", *caller);
    opened.whole = object_or_empty(block, "input");
  }

  result<void> delta(const json::object& data, answer& to) {
    auto found = open_.find(int_or(data, "index", -1));
    if (found == open_.end())
      return unreadable_answer("more of a block that it had not begun");
    auto& [key, kind, whole, input] = found->second;
    const auto& more = object_or_empty(data, "delta");
    auto type = string_or(more, "type");
    if (type == "text_delta" && kind == block_kind::text) {
      to.text(key, string_or(more, "text"));
    } else if (type == "citations_delta" && kind == block_kind::text) {
      to.annotation(key, to_annotation(object_or_empty(more, "citation")));
    } else if (type == "thinking_delta" && kind == block_kind::thinking) {
      to.reasoning(key, string_or(more, "thinking"));
    } else if (type == "signature_delta" && kind == block_kind::thinking) {
      to.append_extra(key, "signature", string_or(more, "signature"));
    } else if (type == "input_json_delta" && kind == block_kind::call) {
      auto text = string_or(more, "partial_json");
      if (!text.empty())
        whole.clear(); // it comes in pieces, not with the beginning
      to.arguments(key, text);
    } else if (type == "input_json_delta" && kind == block_kind::whole) {
      auto text = string_or(more, "partial_json");
      if (!hold(text.size()))
        return unreadable_answer("an answer that is too long");
      input += text;
    }
    return {};
  }

  void stop_block(int64_t index, answer& to) {
    auto ended = open_.extract(index);
    if (ended.empty())
      return;
    auto& [key, kind, whole, input] = ended.mapped();
    if (kind == block_kind::call && !whole.empty())
      to.arguments(key, dump(whole));
    if (kind != block_kind::whole)
      return;
    if (auto parsed = parse_json(input); parsed && parsed->is_object())
      whole["input"] = std::move(*parsed);
    to.block(key, {{"type", "non_standard"}, {"value", std::move(whole)}});
  }

  void stop(const json::object& data, answer& to) {
    const auto& said = object_or_empty(data, "delta");
    count(object_or_empty(data, "usage"), to);
    if (auto sequence = string_or(said, "stop_sequence"); !sequence.empty())
      to.response("stop_sequence", json::string(sequence));
    if (const auto& details = object_or_empty(said, "stop_details"); !details.empty()) {
      to.response("stop_details", details);
      if (auto why = string_or(details, "explanation"); !why.empty())
        to.refusal(++blocks_, why);
    }
    if (auto why = string_or(said, "stop_reason"); !why.empty())
      to.stop(reason_of(why), "stop_reason", why);
  }

  void finish(answer& to) {
    while (!open_.empty())
      stop_block(open_.begin()->first, to);
    ended_ = true;
  }

  std::size_t most_bytes_, held_ = 0;
  std::map<int64_t, open_block> open_; // by index, which is free again when a block has ended
  int64_t blocks_ = 0;                 // keys of parts: never used twice
  int64_t uncached_ = 0;               // input tokens that no cache held
  token_usage tokens_;
  bool ended_ = false;
};

class anthropic : public model_wire {
public:
  result<http_operation> request(const model_options& model,
                                 const chat_request& what) const override {
    return operation(model, what);
  }
  std::unique_ptr<answer_reader> reader(const model_options& model) const override {
    return std::make_unique<anthropic_reader>(model.max_answer_bytes);
  }
  model_failure failure(int status, const header_list& headers,
                        std::string_view body) const override {
    auto parsed = parse_json(body);
    auto* document = parsed ? parsed->if_object() : nullptr;
    return failure_in(status, headers, document ? *document : json::object{});
  }
  bool takes_schema(const model_options&, const json::object& schema, bool) const override {
    return fits_anthropic(schema);
  }

  std::string_view provider(const model_options&) const override { return provider_name; }
};

} // namespace

const model_wire& anthropic_wire() {
  static const anthropic wire;
  return wire;
}

} // namespace behalf
