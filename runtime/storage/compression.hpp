// Documents, shorter: frames of zstd, by a dictionary of what our documents usually say.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace behalf {

/// Frames name it by its number: it never changes. A better one is added, with the next number.
extern const std::string_view document_dictionary;

/// A longer text is not compressed, and no frame yields more.
inline constexpr std::size_t longest_compressed = std::size_t{256} << 20;

/// Whether bytes begin as a frame does. No JSON text begins so.
bool is_compressed(std::string_view bytes);

/// For one thread at a time: it keeps what both take while they work.
class compression {
public:
  /// The text's frame; the text itself where that is not longer.
  std::string compress(std::string text);
  /// Nothing when the bytes are no whole frame, or one that says it holds more than may be.
  std::optional<std::string> expand(std::string_view frame);

private:
  struct freed {
    void operator()(ZSTD_CCtx_s* c) const;
    void operator()(ZSTD_DCtx_s* d) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, freed> out_;
  std::unique_ptr<ZSTD_DCtx_s, freed> in_;
};

} // namespace behalf
