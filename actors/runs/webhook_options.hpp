// Which webhooks clients may name, and how they are called.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace behalf::runs {

struct webhook_options {
  bool allow_http = false;                        // else https only
  bool allow_private = false;                     // this machine and private networks
  std::vector<std::string> allowed_domains;       // "example.com", "*.example.com"; empty: any
  std::vector<uint16_t> allowed_ports;            // empty: any
  std::chrono::milliseconds timeout{10'000};      // of one try
  std::chrono::milliseconds first_pause{5'000};   // before the second try; each later one is longer
  int max_tries = 8;                              // then a call is given up
  std::size_t at_once = 64, at_once_per_user = 8; // calls under way
  std::size_t max_body_bytes = 1 << 20;           // of a longer one values and kwargs are left out
};

} // namespace behalf::runs
