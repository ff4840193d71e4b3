// What a secret is: bytes that are wiped, never copied, printed or compared, and kept out of core
// dumps. `grep -rn 'expose('` finds every place that looks inside.
#pragma once

#include "behalf/wiped.hpp"

#include <memory>
#include <string_view>

namespace behalf {

/// Secret bytes. Move-only; there is no ==, no <<, no conversion and no copy. They lie in
/// guarded memory (runtime/base/guarded_memory.hpp) and are overwritten when the secret ends.
class secret {
public:
  secret() noexcept = default;
  explicit secret(std::string_view bytes) : bytes_(bytes) {}
  explicit secret(wiped_string bytes) noexcept : bytes_(std::move(bytes)) {}

  secret(secret&&) noexcept = default;
  secret& operator=(secret&&) noexcept = default;
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;
  ~secret() = default;

  /// The only access to the bytes. The view is valid until the secret is moved or assigned to.
  std::string_view expose() const noexcept { return bytes_.view(); }

  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }

private:
  wiped_string bytes_;
};

using secret_ptr = std::shared_ptr<const secret>;

} // namespace behalf
