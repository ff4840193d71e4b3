// Stands where a model would be: gives each thread its answers in turn, and streams them.
#pragma once

#include "behalf/graph.hpp"

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphs {

/// Streams `parts` as chunks of one message, and answers the message.
inline behalf::json::value streamed(const behalf::context& ctx,
                                    const std::vector<std::string>& parts) {
  std::string whole, id;
  for (const auto& part : parts) {
    whole += part;
    behalf::json::object chunk{{"type", "AIMessageChunk"}, {"content", part}};
    if (&part == &parts.back())
      chunk["chunk_position"] = "last";
    id = ctx.write_message(chunk);
  }
  behalf::json::object message{{"type", "ai"}, {"id", id}, {"content", whole}};
  return message;
}

/// UTF-8, a character each.
inline std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> all;
  for (char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)
      all.emplace_back();
    all.back() += c;
  }
  return all;
}

class fake_model {
public:
  explicit fake_model(std::vector<std::string> answers) : answers_(std::move(answers)) {}

  behalf::json::value reply(const behalf::context& ctx) {
    return streamed(ctx, characters(next(std::string(ctx.thread_id()))));
  }

private:
  std::string next(const std::string& thread) {
    std::lock_guard lock{guard_};
    return answers_[turns_[thread]++ % answers_.size()];
  }

  std::vector<std::string> answers_;
  std::mutex guard_;
  std::map<std::string, std::size_t> turns_;
};

} // namespace graphs
