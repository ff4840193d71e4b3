#include "secrets/secret_json.hpp"

#include "behalf/wiped.hpp"
#include "runtime/base/guarded_memory.hpp"

#include <boost/json/memory_resource.hpp>

namespace behalf {
namespace {

class guarded_resource final : public json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t) override {
    return take_guarded(size); // aligned to 64 bytes
  }
  void do_deallocate(void* bytes, std::size_t size, std::size_t) override {
    give_guarded(static_cast<char*>(bytes), size);
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

// The parser unescapes strings in a buffer on its stack: overwrite where that was.
__attribute__((noinline)) void wipe_stack_below() {
  char used[8 * 1024];
  wipe(used, sizeof used);
}

result<json::value> parse_guarded(std::string_view text) {
  auto memory = json::make_shared_resource<guarded_resource>();
  json::parser parser{memory};
  parser.reset(memory);
  boost::system::error_code ec;
  parser.write(text.data(), text.size(), ec);
  if (ec)
    return fail(errc::invalid_argument, "not JSON");
  return parser.release();
}

} // namespace

result<json::value> parse_secret_json(std::string_view text) {
  auto parsed = parse_guarded(text);
  wipe_stack_below();
  return parsed;
}

} // namespace behalf
