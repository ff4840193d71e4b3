// A model's answer as it grows: what a reader adds to it, the chunks that streams show of it, and
// the message it becomes. All in LangChain's form, the same for every provider.
#pragma once

#include "agents/models/token_usage.hpp"
#include "behalf/json.hpp"
#include "runtime/base/scrub.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Why a model stopped, whatever its provider calls it.
enum class stop_reason : uint8_t {
  end,            // it was done, or a stop sequence came
  tool_calls,     //
  length,         // max_tokens, or the context is full
  content_filter, // the provider held the rest back
  refusal,        // the model declined
  pause,          // to be sent back as it is, to go on
  other,
};

/// One content part, in v1 form: {"type": "text" | "reasoning" | …}. Readers name parts and calls
/// by keys of their own choice (parts and calls apart): the first use of a key opens the part, and
/// the order of opening is the order in the message. A key used for another type of part, or to
/// begin another call, names the new one from then on.
class answer {
public:
  /// `id` is the message's, in chunks and in the whole. `most_bytes` counts all that is added, and
  /// some 256 bytes for every part and call; what would be beyond it is not added any more.
  answer(std::string id, std::string provider, std::size_t most_bytes);

  /// All that is added from now on is without that credential, however it is cut.
  void scrub_with(std::shared_ptr<const text_scrubber> of) { scrub_ = std::move(of); }

  // What readers add. Each is amortised O(what it adds). Text need not end at a character's end.
  void text(int64_t part, std::string_view more);
  void reasoning(int64_t part, std::string_view more);
  void refusal(int64_t part, std::string_view more);
  /// A citation of a text part: {"type": "citation", "url"?, "title"?, "cited_text"?, …}.
  void annotation(int64_t part, json::object citation);
  /// A whole block: an image, a file, a server tool's call or result, or non_standard. Chunks show
  /// what a key's block was first, the message what it was last.
  void block(int64_t part, json::object whole);
  /// What the provider wants back with this part as it is (signature, encrypted_content, id, …):
  /// lands in the block's `extras`. `append` joins strings. May come before the part's text.
  void extra(int64_t part, std::string_view key, json::value value);
  void append_extra(int64_t part, std::string_view key, std::string_view more);

  /// A tool call begins. Of more than 128 the next one is kept to say so, others are not. An empty
  /// id gets one ("call_" and random); an id that another call of this answer has, too.
  void call(int64_t key, std::string_view id, std::string_view name);
  bool has_call(int64_t key) const;
  /// The id the call was begun with; "" when there is no such call, or it came without one.
  std::string_view given_id(int64_t key) const;
  // Of a call that was begun; of no other they change nothing.
  void call_name(int64_t key, std::string_view more);
  void arguments(int64_t key, std::string_view more); // of their JSON text
  void call_extra(int64_t key, std::string_view name, json::value value);

  /// The last one counts.
  void usage(const token_usage& so_far);
  /// `as_said` is the provider's word for it, `field` where LangChain puts it ("finish_reason",
  /// "stop_reason").
  void stop(stop_reason why, std::string_view field, std::string_view as_said);
  /// response_metadata: model_name, id, system_fingerprint, ….
  void response(std::string_view key, json::value value);

  bool stopped() const { return stopped_; }
  stop_reason why() const { return why_; }
  const token_usage& tokens() const { return usage_; }
  const std::string& id() const { return id_; }
  std::size_t bytes() const;
  /// More than `most_bytes` were added: there will be no message.
  bool over() const { return over_; }

  /// What was added since the last call, as an AIMessageChunk; nullopt: nothing. Costs what was
  /// added. Characters cut in two wait for their end. Content is a string as long as all of it is
  /// plain text, then lists of blocks. Calls have the parts' numbers, so that no block and call are
  /// merged.
  std::optional<json::object> take_chunk();
  /// Instead of take_chunk(): what was added, if it is text in a chunk that is otherwise as
  /// `plain_chunk()`; else "", and take_chunk() has it.
  std::string take_plain();
  /// The AIMessageChunk of each such text, with the content "".
  const std::shared_ptr<const json::object>& plain_chunk();
  /// The chunks that end the stream: what is left, why the model stopped with the rest of
  /// response_metadata, usage, then the empty one with chunk_position "last".
  std::vector<json::object> last_chunks();

  /// The message as states hold it: type "ai", with tool_calls, invalid_tool_calls (arguments that
  /// are no JSON object, or were cut off before they began, or no name), usage_metadata,
  /// response_metadata. Content is a string when all of it is plain text, else the list of blocks
  /// (response_metadata.output_version "v1"). Error: upstream, of kind model_answer_too_long when
  /// it is longer than `most_bytes`, or model_answer_invalid when any of its text is no UTF-8.
  result<json::object> message() &&;

private:
  // Text as it comes: the first `whole` bytes end at a character's end, the first `sent` were
  // shown.
  struct grown_text {
    std::string text;
    std::size_t whole = 0, sent = 0;
    std::unique_ptr<stream_scrubber> clean; // null: nothing is to be taken out

    void add(std::string_view more);
    /// What was held back comes too.
    void end();
    std::string_view take();

  private:
    void find_whole();
  };
  enum class part_type : uint8_t { unknown, text, reasoning, refusal, block, call };
  struct part {
    part_type type = part_type::unknown;
    bool touched = false, shown = false;
    bool excess = false; // a call beyond the last that may be made
    grown_text text;     // of a call: its arguments
    json::object body;   // of a block
    json::array annotations;
    std::size_t annotations_shown = 0;
    json::object extras, new_extras;
    std::map<std::string, std::unique_ptr<stream_scrubber>, std::less<>> clean; // of extras
    grown_text name; // of a call, as the next three
    bool named = false;
    std::string id, given_id;
  };
  using part_keys = std::map<int64_t, std::size_t>;
  struct finished;

  json::value cleaned(json::value v) const;
  std::string cleaned(std::string_view text) const;
  static void end_name(part& p);
  void end_texts();
  void append(part& p, std::string_view key, std::string_view more);
  bool room(std::size_t more);
  bool storable(const json::value& v, std::string_view key);
  part* open(part_keys& keys, int64_t key, part_type type);
  part* content(int64_t key, part_type type);
  part* begun(int64_t key);
  void touch(part& p);
  void grow(int64_t key, part_type type, std::string_view more);
  static std::optional<json::object> block_chunk(part& p, std::size_t index);
  static std::optional<json::object> call_chunk(part& p, std::size_t index);
  json::object chunk(json::value content, json::array calls, json::object metadata);
  json::value nothing() const;
  json::object stop_metadata() const;
  json::value usage_metadata() const;
  void finish(part& p, finished& all) const;
  void finish_call(part& p, finished& all) const;

  std::shared_ptr<const text_scrubber> scrub_;
  std::string id_, provider_;
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  bool over_ = false, invalid_ = false;
  std::vector<part> parts_; // in the order opened
  part_keys content_, calls_;
  std::vector<std::size_t> touched_; // since the last chunk
  std::set<std::string, std::less<>> call_ids_;
  bool listed_ = false; // content is more than plain text: chunks hold blocks
  bool begun_ = false, listed_begun_ = false;
  token_usage usage_;
  bool counted_ = false;
  stop_reason why_ = stop_reason::other;
  bool stopped_ = false;
  std::string stop_field_, stop_said_;
  json::object response_;
  std::shared_ptr<const json::object> plain_; // null until it is asked for
};

} // namespace behalf
