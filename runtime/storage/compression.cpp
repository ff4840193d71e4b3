#include "runtime/storage/compression.hpp"

#include <new>
#include <zstd.h>

namespace behalf {
namespace {

constexpr std::string_view frame_begin = "\x28\xb5\x2f\xfd";

// Higher ones take four times as long for a twentieth less.
constexpr int level = 3;

constexpr std::size_t shortest_compressed = 64;

template <class Made>
Made* there(Made* made) {
  return made ? made : throw std::bad_alloc{};
}

// Made ready once; read by all threads.
const ZSTD_CDict* dictionary_out() {
  static const auto* made =
    there(ZSTD_createCDict(document_dictionary.data(), document_dictionary.size(), level));
  return made;
}

const ZSTD_DDict* dictionary_in() {
  static const auto* made =
    there(ZSTD_createDDict(document_dictionary.data(), document_dictionary.size()));
  return made;
}

} // namespace

bool is_compressed(std::string_view bytes) {
  return bytes.starts_with(frame_begin);
}

void compression::freed::operator()(ZSTD_CCtx_s* c) const {
  ZSTD_freeCCtx(c);
}

void compression::freed::operator()(ZSTD_DCtx_s* d) const {
  ZSTD_freeDCtx(d);
}

std::string compression::compress(std::string text) {
  if (text.size() < shortest_compressed || text.size() > longest_compressed)
    return text;
  if (!out_)
    out_.reset(there(ZSTD_createCCtx()));
  std::string frame(text.size() - 1, '\0'); // there is no room for a frame that is not shorter
  const auto size = ZSTD_compress_usingCDict(out_.get(), frame.data(), frame.size(), text.data(),
                                             text.size(), dictionary_out());
  if (ZSTD_isError(size))
    return text;
  frame.resize(size);
  frame.shrink_to_fit();
  return frame;
}

std::optional<std::string> compression::expand(std::string_view frame) {
  const auto size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN
      || size > longest_compressed)
    return std::nullopt;
  if (ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size())
    return std::nullopt;
  if (!in_)
    in_.reset(there(ZSTD_createDCtx()));
  std::string text(size, '\0');
  const auto done = ZSTD_decompress_usingDDict(in_.get(), text.data(), text.size(), frame.data(),
                                               frame.size(), dictionary_in());
  if (done != size) // an error is a number greater than any size
    return std::nullopt;
  return text;
}

} // namespace behalf
