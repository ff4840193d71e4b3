#include "actors/storage/store_items.hpp"

#include "runtime/base/item_rules.hpp"

#include <algorithm>

namespace behalf::storage {

result<std::string> checked_namespace(const std::vector<std::string>& labels, bool may_be_empty) {
  if (auto ok = check_namespace(labels, may_be_empty); !ok)
    return ok.error();
  return encode_namespace(labels);
}

expiry expiry_in(double minutes, time_point from) {
  expiry e;
  e.ttl = std::chrono::milliseconds(
    static_cast<int64_t>(std::clamp(minutes, 0.0, max_ttl_minutes) * 60'000));
  e.at = from + e.ttl;
  return e;
}

} // namespace behalf::storage
