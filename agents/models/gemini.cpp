#include "agents/models/gemini.hpp"

#include "agents/models/content.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace behalf {
namespace {

constexpr std::string_view provider_name = "google_genai";

// Models from Gemini 3 on refuse a call in the history without the signature they gave with it.
// This stands for one where none is: another model made the call (Google's documentation).
constexpr std::string_view no_signature = "skip_thought_signature_validator";

constexpr std::size_t most_parts = 10'000; // of one answer
constexpr std::size_t most_citations = 256;
constexpr std::size_t longest_url = 2048;
constexpr std::size_t longest_title = 500;

using word = std::pair<std::string_view, std::string_view>;

template <std::size_t N>
std::string_view word_for(const std::array<word, N>& words, std::string_view name) {
  const auto* found =
    std::find_if(words.begin(), words.end(), [&](const word& w) { return w.first == name; });
  return found == words.end() ? std::string_view{} : found->second;
}

constexpr std::array<word, 11> config_words{{
  {"max_tokens", "maxOutputTokens"},
  {"max_output_tokens", "maxOutputTokens"},
  {"max_completion_tokens", "maxOutputTokens"},
  {"top_p", "topP"},
  {"top_k", "topK"},
  {"stop", "stopSequences"},
  {"stop_sequences", "stopSequences"},
  {"presence_penalty", "presencePenalty"},
  {"frequency_penalty", "frequencyPenalty"},
  {"response_modalities", "responseModalities"},
  {"thinking_config", "thinkingConfig"},
}};
constexpr std::array<word, 3> thinking_words{{
  {"thinking_budget", "thinkingBudget"},
  {"thinking_level", "thinkingLevel"},
  {"include_thoughts", "includeThoughts"},
}};
constexpr std::array<word, 4> body_words{{
  {"safety_settings", "safetySettings"},
  {"safetySettings", "safetySettings"},
  {"cached_content", "cachedContent"},
  {"cachedContent", "cachedContent"},
}};

// Before Gemini 3: without signatures, and without images in what a function gave.
bool is_old(std::string_view model) {
  return model.starts_with("gemini-1") || model.starts_with("gemini-2")
         || model.starts_with("gemma");
}

std::string_view bare_model(std::string_view model) {
  constexpr std::string_view collection = "models/";
  return model.starts_with(collection) ? model.substr(collection.size()) : model;
}

void set_or_erase(json::object& to, std::string_view key, const json::value& value) {
  if (value.is_null())
    to.erase(key);
  else
    to[key] = value;
}

json::object& object_at(json::object& in, std::string_view key) {
  auto& value = in[key];
  return value.is_object() ? value.get_object() : value.emplace_object();
}

json::array& list_at(json::object& in, std::string_view key) {
  auto& value = in[key];
  return value.is_array() ? value.get_array() : value.emplace_array();
}

void put_parameter(json::object& body, std::string_view name, const json::value& value) {
  if (name == "tools" && value.is_array()) {
    auto& tools = list_at(body, "tools");
    tools.insert(tools.end(), value.get_array().begin(), value.get_array().end());
    return;
  }
  if (const auto beside = word_for(body_words, name); !beside.empty())
    return set_or_erase(body, beside, value);
  auto& config = object_at(body, "generationConfig");
  if (name == "generationConfig" && value.is_object())
    return merge(config, value.get_object());
  if (const auto thinking = word_for(thinking_words, name); !thinking.empty())
    return set_or_erase(object_at(config, "thinkingConfig"), thinking, value);
  const auto common = word_for(config_words, name);
  if (common == "stopSequences" && value.is_string())
    return set_or_erase(config, common, json::array{value});
  const auto known = common.empty() ? name : common;
  if (value.is_object())
    return merge(object_at(config, known), value.get_object());
  set_or_erase(config, known, value);
}

// Words one conversation as contents.
class conversation {
public:
  explicit conversation(bool old_model) : old_model_(old_model) {}

  result<void> add(const json::object& message) {
    const auto type = string_or(message, "type");
    if (type != "tool")
      end_results();
    if (type == "human")
      return add_turn("user", message);
    if (type == "ai")
      return add_turn("model", message);
    if (type == "tool")
      return add_result(message);
    // Behind the beginning it is worded as the user's: to move it there would change what was sent
    // before.
    if (type == "system")
      return contents_.empty() ? add_system(message) : add_turn("user", message);
    return fail(errc::invalid_argument,
                "this model takes no message of type " + std::string(cut_utf8(type, 100)));
  }

  result<void> put_into(json::object& body) && {
    end_results();
    if (contents_.empty())
      return fail(errc::invalid_argument, "there is no message to answer");
    body["contents"] = std::move(contents_);
    if (!system_.empty())
      body["systemInstruction"] = {{"parts", std::move(system_)}};
    return {};
  }

  void add_system(std::string_view text) {
    if (!text.empty())
      system_.push_back(json::object{{"text", text}});
  }

private:
  struct known_call {
    std::string name, id; // the provider's id, "" when it gave none
    std::size_t order;
  };
  struct function_result {
    std::size_t order;
    json::object part;
    json::array media; // beside it
  };

  result<void> add_system(const json::object& message) {
    for (const auto& block : content_blocks(message))
      add_system(string_or(block.as_object(), "text"));
    return {};
  }

  result<void> add_turn(std::string_view role, const json::object& message) {
    const bool ours = role == "model";
    const bool signed_by_google = ours && made_by(message, provider_name);
    bool called = false;
    json::array parts;
    for (const auto& value : content_blocks(message)) {
      const auto& block = value.as_object();
      auto part = ours ? said_part(block, signed_by_google) : asked_part(block);
      if (!part)
        return part.error();
      if (part->empty())
        continue;
      if (part->contains("functionCall") && !std::exchange(called, true) && !old_model_
          && !part->contains("thoughtSignature"))
        (*part)["thoughtSignature"] = no_signature;
      parts.emplace_back(std::move(*part));
    }
    if (parts.empty())
      return {};
    // The API wants a user's turn before one with calls.
    if (ours && !contents_.empty() && string_or(contents_.back().as_object(), "role") == role) {
      auto& all = contents_.back().at("parts").as_array();
      all.insert(all.end(), parts.begin(), parts.end());
    } else {
      contents_.push_back({{"role", role}, {"parts", std::move(parts)}});
    }
    return {};
  }

  // What the user or a tool gives.
  static result<json::object> asked_part(const json::object& block) {
    const auto type = string_or(block, "type");
    if (type == "text")
      return text_part(string_or(block, "text"));
    if (type == "image" || type == "audio" || type == "video" || type == "file")
      return media_part(block);
    return fail(errc::invalid_argument,
                "this model takes no content of type " + std::string(cut_utf8(type, 100)));
  }

  // What the model gave, as it gave it; {} for what only another provider can read.
  result<json::object> said_part(const json::object& block, bool signed_by_google) {
    const auto type = string_or(block, "type");
    const auto& extras = object_or_empty(block, "extras");
    const auto signature = signed_by_google ? string_or(extras, "signature") : "";
    json::object part;
    if (type == "tool_call") {
      part = call_part(block, signed_by_google ? string_or(extras, "id") : "");
    } else if (type == "non_standard") {
      return signed_by_google ? object_or_empty(block, "value") : json::object{};
    } else if (type == "reasoning") {
      const auto text = string_or(block, "reasoning");
      if (signed_by_google && (!text.empty() || !signature.empty()))
        part = {{"text", text}, {"thought", true}};
    } else if (type == "text" || type == "refusal") {
      const auto text = string_or(block, type);
      if (!text.empty() || !signature.empty())
        part = {{"text", text}};
    } else if (auto media = asked_part(block)) {
      part = std::move(*media);
    }
    if (!signature.empty() && !part.empty())
      part["thoughtSignature"] = signature;
    return part;
  }

  static json::object text_part(std::string_view text) {
    json::object part;
    if (!text.empty()) // empty ones are refused
      part["text"] = text;
    return part;
  }

  static result<json::object> media_part(const json::object& block) {
    const auto mime_type = string_or(block, "mime_type");
    json::object where;
    if (!mime_type.empty())
      where["mimeType"] = mime_type;
    if (const auto data = string_or(block, "base64"); !data.empty()) {
      if (mime_type.empty())
        return fail(errc::invalid_argument, "an image or file needs its mime_type");
      where["data"] = data;
      return json::object{{"inlineData", std::move(where)}};
    }
    const auto uri = string_or(block, "url", string_or(block, "file_id"));
    if (uri.empty())
      return fail(errc::invalid_argument, "an image or file needs base64, a URL or a file_id");
    where["fileUri"] = uri;
    return json::object{{"fileData", std::move(where)}};
  }

  json::object call_part(const json::object& block, std::string_view given_id) {
    json::object call{{"name", string_or(block, "name")}, {"args", object_or_empty(block, "args")}};
    if (!given_id.empty())
      call["id"] = given_id;
    calls_.insert_or_assign(
      std::string(string_or(block, "id")),
      known_call{std::string(string_or(block, "name")), std::string(given_id), calls_made_++});
    return {{"functionCall", std::move(call)}};
  }

  result<void> add_result(const json::object& message) {
    const auto known = calls_.find(std::string(string_or(message, "tool_call_id")));
    if (known == calls_.end())
      return fail(errc::invalid_argument, "a tool message answers a call that no message made");
    const auto& [name, id, order] = known->second;
    std::string text;
    json::array media;
    for (const auto& value : content_blocks(message)) {
      const auto& block = value.as_object();
      if (string_or(block, "type") == "non_standard") {
        text += (text.empty() ? "" : "\n") + dump(block.at("value"));
        continue;
      }
      auto part = asked_part(block);
      if (!part) // a tool may give what no model reads: the thread has to go on
        part = text_part("[left out: " + part.error().message + "]");
      if (const auto said = string_or(*part, "text"); !said.empty())
        text += (text.empty() ? "" : "\n") + std::string(said);
      else if (!part->empty())
        media.emplace_back(std::move(*part));
    }
    const auto* key = string_or(message, "status") == "error" ? "error" : "output";
    json::object given{{"name", name}, {"response", {{key, text}}}};
    if (!id.empty())
      given["id"] = id;
    if (!old_model_ && !media.empty())
      given["parts"] = std::exchange(media, {});
    results_.push_back({order, {{"functionResponse", std::move(given)}}, std::move(media)});
    return {};
  }

  // All answers to one turn's calls are one turn, in the order of the calls: without ids, that is
  // what tells them apart.
  void end_results() {
    if (results_.empty())
      return;
    std::stable_sort(results_.begin(), results_.end(),
                     [](const auto& a, const auto& b) { return a.order < b.order; });
    json::array parts, media;
    for (auto& one : results_) {
      parts.emplace_back(std::move(one.part));
      for (auto& beside : one.media)
        media.push_back(std::move(beside));
    }
    for (auto& beside : media)
      parts.push_back(std::move(beside));
    contents_.push_back({{"role", "user"}, {"parts", std::move(parts)}});
    results_.clear();
  }

  bool old_model_;
  json::array contents_, system_;
  std::map<std::string, known_call> calls_; // by the ids of our messages
  std::size_t calls_made_ = 0;
  std::vector<function_result> results_; // that no other message has followed yet
};

void put_tools(json::object& body, const chat_request& what) {
  if (what.tools.empty())
    return;
  json::array all;
  for (const auto& tool : what.tools)
    all.push_back({{"name", tool.name},
                   {"description", tool.description},
                   {"parametersJsonSchema", tool.schema}});
  list_at(body, "tools").push_back(json::object{{"functionDeclarations", std::move(all)}});
  if (what.tool_choice == "auto")
    return;
  json::object choice{{"mode", what.tool_choice == "none" ? "NONE" : "ANY"}};
  if (what.tool_choice != "none" && what.tool_choice != "any")
    choice["allowedFunctionNames"] = json::array{json::value(what.tool_choice)};
  body["toolConfig"] = {{"functionCallingConfig", std::move(choice)}};
}

// {"code", "message", "status", "details": [{"reason"?, "retryDelay"?, "violations"?}]}
model_failure failure_from(int status, header_list headers, const json::object& said) {
  auto code = string_or(said, "status");
  const auto* details = member(said, "details");
  for (const auto& detail : details && details->is_array() ? details->get_array() : json::array{}) {
    const auto* o = detail.if_object();
    if (!o)
      continue;
    if (string_or(*o, "reason") == "API_KEY_INVALID") // an INVALID_ARGUMENT, too
      code = "invalid_api_key";
    if (auto delay = string_or(*o, "retryDelay"); delay.ends_with('s'))
      headers.emplace_back("retry-after", delay.substr(0, delay.size() - 1));
    if (const auto* all = member(*o, "violations"); all && all->is_array())
      for (const auto& one : all->get_array()) // whatever retryDelay says beside it
        if (one.is_object()
            && string_or(one.get_object(), "quotaId").find("PerDay") != std::string_view::npos)
          code = "insufficient_quota";
  }
  const auto message = string_or(said, "message");
  // With another key, or of another model.
  if (status == 400 && message.find("thought signature") != message.npos)
    code = "invalid_encrypted_content";
  return failure_of(status, headers, message, code);
}

stop_reason reason_of(std::string_view said, bool with_calls) {
  constexpr std::array filters{"SAFETY",
                               "RECITATION",
                               "LANGUAGE",
                               "BLOCKLIST",
                               "PROHIBITED_CONTENT",
                               "SPII",
                               "IMAGE_SAFETY",
                               "IMAGE_PROHIBITED_CONTENT",
                               "IMAGE_RECITATION",
                               "ESCALATION",
                               "MODEL_ARMOR"};
  if (said == "STOP")
    return with_calls ? stop_reason::tool_calls : stop_reason::end;
  if (said == "MAX_TOKENS" || said == "CONTINUATION") // there would be more for another request
    return stop_reason::length;
  return among(filters, said) ? stop_reason::content_filter : stop_reason::other;
}

std::string_view block_type(std::string_view mime_type) {
  for (std::string_view kind : {"image", "audio", "video"})
    if (mime_type.starts_with(kind) && mime_type.substr(kind.size()).starts_with('/'))
      return kind;
  return "file";
}

class gemini_reader final : public answer_reader {
public:
  result<void> take(const stream_event& event, answer& to) override {
    const auto parsed = parse_json(event.data);
    if (!parsed || !parsed->is_object())
      return unreadable_answer("what is no JSON object");
    const auto& all = parsed->get_object();
    if (const auto* wrong = member(all, "error"); wrong && wrong->is_object())
      return failure_in_stream(wrong->get_object());
    take_response(all, to);
    if (const auto* candidates = member(all, "candidates"); candidates && candidates->is_array())
      for (const auto& one : candidates->get_array())
        if (const auto* candidate = one.if_object(); candidate && int_or(*candidate, "index") == 0)
          if (auto taken = take_candidate(*candidate, to); !taken)
            return taken;
    const auto& feedback = object_or_empty(all, "promptFeedback");
    if (const auto why = string_or(feedback, "blockReason"); !why.empty() && stopped_.empty()) {
      auto blocked =
        fail(errc::upstream, "the model's provider does not answer this: " + std::string(why));
      blocked.kind = "model_content_filtered";
      return blocked;
    }
    return {};
  }

  result<void> end(answer&) override {
    if (!stopped_.empty())
      return {};
    return cut_answer();
  }

private:
  static error failure_in_stream(const json::object& said) {
    const auto code = int_or(said, "code");
    return failure_from(code >= 400 && code < 600 ? static_cast<int>(code) : 200, {}, said).why;
  }

  enum class run : uint8_t { none, text, thought };

  void take_response(const json::object& all, answer& to) {
    if (const auto model = string_or(all, "modelVersion"); !model.empty() && !named_) {
      named_ = true;
      to.response("model_name", json::string(model));
    }
    if (const auto id = string_or(all, "responseId"); !id.empty() && !identified_) {
      identified_ = true;
      to.response("id", json::string(id));
    }
    if (const auto* said = member(all, "usageMetadata"); said && said->is_object()) {
      const auto& counts = said->get_object();
      const auto count = [&](std::string_view key) { // so that no sum of them overflows
        return std::clamp<int64_t>(int_or(counts, key), 0, 1'000'000'000'000);
      };
      token_usage usage;
      usage.input = count("promptTokenCount") + count("toolUsePromptTokenCount");
      usage.cache_read = count("cachedContentTokenCount");
      usage.reasoning = count("thoughtsTokenCount");
      usage.output = count("candidatesTokenCount") + usage.reasoning;
      to.usage(usage);
    }
  }

  result<void> take_candidate(const json::object& candidate, answer& to) {
    const auto calls_before = calls_;
    const auto& content = object_or_empty(candidate, "content");
    if (const auto* parts = member(content, "parts"); parts && parts->is_array())
      for (const auto& one : parts->get_array())
        if (const auto* part = one.if_object())
          if (auto taken = take_part(*part, to); !taken)
            return taken;
    take_sources(candidate, to);
    const auto why = string_or(candidate, "finishReason");
    if (why == "MALFORMED_FUNCTION_CALL" && calls_ == 0)
      return unreadable_answer("a call of a tool that nobody can read");
    const bool other_word = !why.empty() && why != stopped_;
    if (other_word)
      stopped_ = why;
    if (!stopped_.empty() && (other_word || calls_ != calls_before))
      to.stop(reason_of(stopped_, calls_ > 0), "finish_reason", stopped_);
    return {};
  }

  result<void> take_part(const json::object& part, answer& to) {
    if (next_ == static_cast<int64_t>(most_parts))
      return unreadable_answer("an answer of too many parts");
    const auto signature = string_or(part, "thoughtSignature");
    const auto* text = member(part, "text");
    if (const auto* call = member(part, "functionCall"); call && call->is_object())
      return take_call(call->get_object(), signature, to);
    if ((text && text->is_string()) || (part.size() == 1 && !signature.empty())) {
      take_text(string_or(part, "text"), bool_or(part, "thought"), signature, to);
    } else if (!take_media(part, signature, to) && !part.empty()) {
      open_ = run::none;
      to.block(next_++, {{"type", "non_standard"}, {"value", part}});
    }
    return {};
  }

  // Text comes in pieces. One with a signature is a part of its own: it has to go back as it came.
  void take_text(std::string_view text, bool thought, std::string_view signature, answer& to) {
    if (text.empty() && signature.empty())
      return;
    const auto kind = thought ? run::thought : run::text;
    if (open_ != kind || !signature.empty())
      ++next_;
    const auto key = next_ - 1;
    open_ = signature.empty() ? kind : run::none;
    if (thought) {
      to.reasoning(key, text);
    } else {
      to.text(key, text);
      last_text_ = key;
    }
    if (!signature.empty())
      to.extra(key, "signature", json::string(signature));
  }

  result<void> take_call(const json::object& call, std::string_view signature, answer& to) {
    const auto name = string_or(call, "name");
    if (name.empty())
      return unreadable_answer("a call of a tool without its name");
    const auto key = next_++;
    const auto id = string_or(call, "id");
    const auto* args = member(call, "args");
    open_ = run::none;
    ++calls_;
    to.call(key, id, name);
    to.arguments(key, args && !args->is_null() ? dump(*args) : "{}");
    if (!id.empty()) // only what it gave is sent back
      to.call_extra(key, "id", json::string(id));
    if (!signature.empty())
      to.call_extra(key, "signature", json::string(signature));
    return {};
  }

  // Drafts of pictures are thoughts, and not shown as an answer.
  bool take_media(const json::object& part, std::string_view signature, answer& to) {
    const auto& bytes = object_or_empty(part, "inlineData");
    const auto& file = object_or_empty(part, "fileData");
    const auto& media = bytes.empty() ? file : bytes;
    if (media.empty() || bool_or(part, "thought"))
      return false;
    const auto mime_type = string_or(media, "mimeType");
    json::object block{{"type", block_type(mime_type)}, {"mime_type", mime_type}};
    if (bytes.empty())
      block["url"] = string_or(file, "fileUri");
    else
      block["base64"] = string_or(bytes, "data");
    if (!signature.empty())
      block["extras"] = {{"signature", signature}};
    open_ = run::none;
    to.block(next_++, std::move(block));
    return true;
  }

  // Where the text is from: searches that grounded it, and what it recites.
  void take_sources(const json::object& candidate, answer& to) {
    tries_left_ = most_citations;
    const auto& grounding = object_or_empty(candidate, "groundingMetadata");
    if (!grounding.empty())
      to.response("grounding_metadata", grounding);
    const auto* chunks = member(grounding, "groundingChunks");
    const auto* supports = member(grounding, "groundingSupports");
    if (chunks && chunks->is_array() && supports && supports->is_array())
      for (const auto& support : supports->get_array())
        if (support.is_object())
          cite_support(support.get_object(), chunks->get_array(), to);
    const auto& recited = object_or_empty(candidate, "citationMetadata");
    const auto* sources = member(recited, "citationSources");
    if (sources && sources->is_array())
      for (const auto& source : sources->get_array())
        if (source.is_object())
          cite(string_or(source.get_object(), "uri"), {}, {}, to);
  }

  void cite_support(const json::object& support, const json::array& chunks, answer& to) {
    const auto text = string_or(object_or_empty(support, "segment"), "text");
    const auto* indices = member(support, "groundingChunkIndices");
    if (!indices || !indices->is_array())
      return;
    for (const auto& index : indices->get_array()) {
      if (!index.is_int64() || index.get_int64() < 0
          || static_cast<std::size_t>(index.get_int64()) >= chunks.size())
        continue;
      const auto* chunk = chunks[static_cast<std::size_t>(index.get_int64())].if_object();
      if (!chunk)
        continue;
      const auto& web = object_or_empty(*chunk, "web");
      cite(string_or(web, "uri"), string_or(web, "title"), text, to);
    }
  }

  void cite(std::string_view url, std::string_view title, std::string_view text, answer& to) {
    if (url.empty() || url.size() > longest_url || last_text_ < 0 || cited_.size() == most_citations
        || tries_left_ == 0)
      return;
    --tries_left_;
    json::object citation{{"type", "citation"}, {"url", url}};
    if (!title.empty())
      citation["title"] = cut_utf8(title, longest_title);
    if (!text.empty())
      citation["cited_text"] = cut_utf8(text, longest_url);
    if (cited_.insert(dump(citation)).second) // they come again with every event
      to.annotation(last_text_, std::move(citation));
  }

  int64_t next_ = 0; // key of the next part or call
  int64_t last_text_ = -1;
  run open_ = run::none; // what the last part can go on with
  std::size_t calls_ = 0;
  std::string stopped_; // the provider's word
  bool named_ = false, identified_ = false;
  std::set<std::string> cited_;
  std::size_t tries_left_ = 0; // to cite, in this event: any number may point to one long text
};

class gemini final : public model_wire {
public:
  result<http_operation> request(const model_options& model,
                                 const chat_request& what) const override {
    const auto id = bare_model(model.model);
    conversation all(is_old(id));
    all.add_system(what.system);
    for (const auto& message : what.messages) {
      if (!message.is_object())
        return fail(errc::invalid_argument, "a message is an object, not " + excerpt(message));
      if (auto added = all.add(message.get_object()); !added)
        return added.error();
    }
    json::object body;
    if (auto put = std::move(all).put_into(body); !put)
      return put.error();
    put_tools(body, what);
    if (!what.response_schema.empty())
      body["generationConfig"] = {{"responseMimeType", "application/json"},
                                  {"responseJsonSchema", what.response_schema}};
    for (const auto* parameters : {&model.parameters, &what.parameters})
      for (const auto& [name, value] : *parameters)
        put_parameter(body, name, value);
    http_operation call{"POST",
                        "/v1beta/models/" + percent_encode(id) + ":streamGenerateContent?alt=sse"};
    call.body = std::move(body);
    call.stream = true;
    return call;
  }

  std::unique_ptr<answer_reader> reader(const model_options&) const override {
    return std::make_unique<gemini_reader>();
  }

  model_failure failure(int status, const header_list& headers,
                        std::string_view body) const override {
    auto parsed = parse_json(body);
    if (parsed && parsed->is_array() && !parsed->get_array().empty()) // without alt=sse
      parsed = json::value(parsed->get_array().front());
    const bool said = parsed && parsed->is_object();
    return failure_from(status, headers,
                        said ? object_or_empty(parsed->get_object(), "error") : json::object{});
  }

  bool takes_schema(const model_options& model, const json::object&,
                    bool with_tools) const override {
    return !with_tools || !is_old(bare_model(model.model));
  }

  std::string_view provider(const model_options&) const override { return provider_name; }
};

} // namespace

const model_wire& gemini_wire() {
  static const gemini wire;
  return wire;
}

} // namespace behalf
