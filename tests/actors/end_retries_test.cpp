#include "actors/runs/end_retries.hpp"
#include "tests/support/catch.hpp"

namespace behalf {
namespace {

using runs::end_retries;
using next = end_retries::next;

error failed(errc code) {
  return fail(code, "not stored");
}

} // namespace

TEST_CASE("an end is tried again while the storage may recover", "[runs]") {
  end_retries retries;
  for (auto code : {errc::internal, errc::overloaded, errc::timeout})
    CHECK(retries.after(failed(code)) == next::retry);
  CHECK(retries.tries() == 0);
}

TEST_CASE("the pauses grow up to five seconds", "[runs]") {
  end_retries retries;
  CHECK(retries.next_pause() == std::chrono::milliseconds{100});
  CHECK(retries.next_pause() == std::chrono::milliseconds{200});
  for (int i = 0; i < 100; ++i)
    CHECK(retries.next_pause() <= std::chrono::seconds{5});
  CHECK(retries.next_pause() == std::chrono::seconds{5});
  CHECK(retries.tries() == 103);
}

TEST_CASE("one conflict may be a checkpoint on its way, two in a row are not", "[runs]") {
  end_retries retries;
  CHECK(retries.after(failed(errc::conflict)) == next::retry);
  CHECK(retries.after(failed(errc::overloaded)) == next::retry);
  CHECK(retries.after(failed(errc::conflict)) == next::retry);
  CHECK(retries.after(failed(errc::conflict)) == next::store_failure);
}

TEST_CASE("an end that is refused is stored as a failure, once", "[runs]") {
  end_retries retries;
  CHECK(retries.after(failed(errc::invalid_argument)) == next::store_failure);
  CHECK(retries.after(failed(errc::overloaded)) == next::retry);
  CHECK(retries.after(failed(errc::invalid_argument)) == next::stop_not_storable);
}

TEST_CASE("there is nothing to store of a run that went with its thread", "[runs]") {
  end_retries retries;
  CHECK(retries.after(failed(errc::not_found)) == next::stop_thread_gone);
}

} // namespace behalf
