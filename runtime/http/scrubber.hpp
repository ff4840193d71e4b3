// Replaces given byte strings in a stream, across the borders of its pieces.
#pragma once

#include "runtime/http/credential_writer.hpp"

#include <vector>

namespace behalf {

/// The forms of a credential to look for. Shared by all scrubbers of one credential.
using needle_list = std::vector<wiped_string>;

/// Finds any of the needles, longest first where several begin. Holds back only bytes that begin
/// a needle (at most the longest needle less one byte), so an event stream is not delayed.
class needle_scrubber : public reply_scrubber {
public:
  /// Empty needles are ignored.
  explicit needle_scrubber(std::shared_ptr<const needle_list> needles);

  void feed(std::string_view bytes, std::string& out) override;
  void finish(std::string& out) override;

  std::size_t held() const { return held_.size(); }

private:
  std::size_t replace(std::string_view bytes, std::string& out, bool last);
  std::size_t open_suffix(std::string_view bytes) const;

  std::shared_ptr<const needle_list> needles_;
  wiped_string held_;
  std::size_t longest_ = 0;
};

} // namespace behalf
