// Replaces a credential in what comes back: in a stream of bytes and in whole texts.
#pragma once

#include "runtime/base/scrub.hpp"
#include "runtime/http/credential_writer.hpp"
#include "secrets/finder.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace behalf {

/// Takes one credential out of whole texts. Made for a call: it holds the forms to look for, so it
/// lies in guarded memory (make_texts).
class credential_texts final : public text_scrubber,
                               public std::enable_shared_from_this<credential_texts> {
public:
  explicit credential_texts(std::string_view value) : finder_(value) {}

  std::unique_ptr<stream_scrubber> in_pieces() const override;

  std::optional<std::string> scrubbed(std::string_view text) const override;
  const credential_finder& finder() const { return finder_; }

  // Not by make_shared: a weak_ptr would keep that memory.
  static void* operator new(std::size_t size) { return take_guarded(size); }
  static void operator delete(void* at, std::size_t size) noexcept {
    give_guarded(static_cast<char*>(at), size);
  }

private:
  credential_finder finder_;
};

std::shared_ptr<const credential_texts> make_texts(std::string_view value);

/// What a stream needs between its pieces.
class scrub_window {
public:
  void feed(const credential_finder& finder, std::string_view bytes, std::string& out);
  void finish(const credential_finder& finder, std::string& out);
  std::size_t held() const { return window_.size() - told_; }

private:
  void pass(const credential_finder& finder, bool last, std::string& out);

  wiped_string window_;        // what was told last, then what is held back
  std::size_t told_ = 0;       // bytes of the window that are out already
  std::size_t phase_ = 0;      // of base64 at the window's beginning
  bool replaced_last_ = false; // what was told last was "[redacted]"
};

/// Finds a credential across the borders of the pieces it comes in. Holds back only what begins
/// one, so an event stream is not delayed.
class credential_scrubber final : public reply_scrubber {
public:
  explicit credential_scrubber(std::shared_ptr<const credential_texts> texts);

  void feed(std::string_view bytes, std::string& out) override {
    window_.feed(texts_->finder(), bytes, out);
  }
  void finish(std::string& out) override { window_.finish(texts_->finder(), out); }
  std::shared_ptr<const text_scrubber> for_texts() const override { return texts_; }
  std::size_t held() const { return window_.held(); }

private:
  std::shared_ptr<const credential_texts> texts_;
  scrub_window window_;
};

std::unique_ptr<reply_scrubber> make_scrubber(std::string_view value);

} // namespace behalf
