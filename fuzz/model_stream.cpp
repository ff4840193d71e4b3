// Whatever a model's provider streams, what is read of it can be stored and sent back, and is the
// same however the stream is cut. The first byte chooses the wire (its lowest two bits) and the
// cuts.
#include "agents/models/prompt.hpp"
#include "agents/models/wire.hpp"
#include "behalf/messages.hpp"
#include "fuzz/fuzz.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

using namespace behalf;

namespace {

constexpr model_type wires[]{model_type::openai_chat, model_type::openai, model_type::anthropic,
                             model_type::gemini};

// Ids that an answer makes are random: without what follows "call_".
std::string without_made_ids(std::string_view text) {
  constexpr std::string_view prefix = "call_";
  std::string out;
  for (auto at = text.find(prefix); at != text.npos; at = text.find(prefix)) {
    out += text.substr(0, at + prefix.size());
    text.remove_prefix(at + prefix.size());
    const auto random = text.substr(0, 24);
    if (random.size() == 24
        && std::all_of(random.begin(), random.end(), [](char c) { return hex_value(c) >= 0; }))
      text.remove_prefix(24);
  }
  out += text;
  return out;
}

void require_storable(const json::object& o) {
  fuzz::require(check_storable(o).has_value(), "what was read can be stored");
}

// What becomes of the stream: the message's text, or the error's.
std::string read(const model_wire& wire, std::string_view stream, std::size_t piece) {
  model_options model;
  model.max_answer_bytes = 1 << 14;
  auto reader = wire.reader(model);
  answer whole{"m", std::string(wire.provider(model)), model.max_answer_bytes};
  event_stream events;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    for (const auto& event : events.feed(stream.substr(at, piece)))
      if (auto taken = reader->take(event, whole); !taken)
        return taken.error().message;
    if (auto chunk = whole.take_chunk())
      require_storable(*chunk);
  }
  if (auto ended = reader->end(whole); !ended)
    return ended.error().message;
  for (const auto& chunk : whole.last_chunks())
    require_storable(chunk);
  auto message = std::move(whole).message();
  if (!message)
    return message.error().message;
  require_storable(*message);
  const auto next = ready_messages(list(human("a"), *message, human("b")));
  const auto asked = wire.request(model, chat_request{next});
  fuzz::require(asked && check_storable(*asked->body), "what was read can be sent back");
  auto text = dump(*message);
  auto again = parse_stored_json(text);
  fuzz::require(again && dump(*again) == text, "what was read reads back the same");
  return without_made_ids(text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const auto& wire = wire_of(wires[data[0] % 4]);
  const auto stream = fuzz::text_of(data + 1, size - 1);
  fuzz::require(read(wire, stream, size) == read(wire, stream, 1 + data[0] / 4),
                "the same message however the stream is cut");
  return 0;
}
