// What a document costs on its way to its row and back, in time of the processor: compressed,
// expanded, sealed, opened.
// Usage: sealing
#include "bench/must.hpp"
#include "runtime/base/envelope.hpp"
#include "runtime/storage/compression.hpp"

#include <cstdio>
#include <ctime>
#include <random>
#include <string>

namespace {

using namespace behalf;

double nanoseconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

template <class Work>
double each(int times, Work work) {
  const auto begun = nanoseconds();
  for (int i = 0; i < times; ++i)
    work();
  return (nanoseconds() - begun) / times;
}

// The values of a thread: messages of twelve words each.
std::string conversation(std::size_t size) {
  std::mt19937 random{1};
  auto digits = [&](int n) {
    std::string text;
    for (; n > 0; --n)
      text += "0123456789abcdef"[random() % 16];
    return text;
  };
  std::string text = R"({"config":{"configurable":{}},"ran":true,"values":{"messages":[)";
  while (text.size() < size) {
    std::string words;
    for (int i = 0; i < 12; ++i)
      words += static_cast<char>('a' + random() % 26) + digits(3) + ' ';
    text += R"({"content":")" + words + R"(","additional_kwargs":{},"response_metadata":{},)"
            + R"("type":"human","name":null,"id":")" + digits(8) + '-' + digits(4) + '-' + digits(4)
            + '-' + digits(4) + '-' + digits(12) + R"("},)";
  }
  return text;
}

} // namespace

int main() {
  const auto key = make_key();
  const auto context = bind_context({"behalf document", "checkpoint", "default", "", "1f0c5e3a"});
  std::printf("%10s %14s %14s %14s %14s %14s\n", "bytes", "compressed", "compress ns", "expand ns",
              "seal ns", "open ns");
  for (std::size_t size : {100, 1024, 10'240, 102'400, 1'024'000}) {
    const auto text = conversation(size);
    const int times = static_cast<int>(20'000'000 / size);
    compression both;
    std::string frame, sealed;
    const auto compressing = each(times, [&] { frame = both.compress(text); });
    const auto expanding = each(times, [&] { both.expand(frame); });
    const auto sealing = each(times, [&] {
      sealed.clear();
      must(append_wide_sealed(sealed, key, context, text));
    });
    const auto opening = each(times, [&] { must(unseal_wide(key, context, sealed)); });
    std::printf("%10zu %14zu %14.0f %14.0f %14.0f %14.0f\n", text.size(), frame.size(), compressing,
                expanding, sealing, opening);
  }
}
