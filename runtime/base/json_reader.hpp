// Builds a document from Boost.JSON's events, within bounds; for json.cpp.
#pragma once

#include "runtime/base/json.hpp"
#include "runtime/base/shape.hpp"

#include <vector>

namespace behalf {

/// A handler of boost::json::basic_parser. The first thing it cannot take ends the parse; `fault`
/// then says what, and where.
class document_builder {
public:
  document_builder(const shape_limits& bounds, bool unique_keys)
    : bounds_(bounds), unique_keys_(unique_keys) {
    open_.reserve(16); // enough for most requests
    values_.reserve(32);
    keys_.reserve(256);
    key_ends_.reserve(32);
  }

  const std::optional<error>& fault() const { return fault_; }
  json::value take() { return std::move(values_.front()); }

  static constexpr std::size_t max_object_size = -1;
  static constexpr std::size_t max_array_size = -1;
  static constexpr std::size_t max_key_size = -1;
  static constexpr std::size_t max_string_size = -1;
  using view = json::string_view;
  using ec = boost::system::error_code;

  bool on_document_begin(ec&) { return true; }
  bool on_document_end(ec&) { return true; }
  bool on_object_begin(ec& e) { return begin(true, e); }
  bool on_object_end(std::size_t n, ec& e);
  bool on_array_begin(ec& e) { return begin(false, e); }
  bool on_array_end(std::size_t n, ec&);
  bool on_key_part(view part, std::size_t n, ec& e);
  bool on_key(view part, std::size_t n, ec& e);
  bool on_string_part(view part, std::size_t, ec&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(view part, std::size_t n, ec& e);
  bool on_number_part(view, ec&) { return true; }
  bool on_int64(int64_t i, view, ec& e) { return add(i, e); }
  bool on_uint64(uint64_t u, view, ec& e) { return add(u, e); }
  bool on_double(double rough, view text, ec& e);
  bool on_bool(bool b, ec& e) { return add(b, e); }
  bool on_null(ec& e) { return add(nullptr, e); }
  bool on_comment_part(view, ec&) { return true; }
  bool on_comment(view, ec&) { return true; }

private:
  // A list or object that is not closed yet.
  struct container {
    bool is_object;
    std::size_t first_value, first_key;
  };

  template <class T>
  bool add(T&& v, ec& e) {
    if (!room(e))
      return false;
    values_.emplace_back(std::forward<T>(v));
    return true;
  }
  bool room(ec& e);
  bool begin(bool is_object, ec& e);
  void close(json::value made);
  std::string_view key(std::size_t at) const;
  bool refuse(std::string why, ec& e);
  bool refuse_container(std::string why, ec& e);
  std::string place(std::size_t levels) const;

  shape_limits bounds_;
  bool unique_keys_;
  std::size_t nodes_ = 0;
  std::vector<container> open_;
  std::vector<json::value> values_; // of the open containers, outermost first
  std::string keys_;                // of the open objects, one behind the other
  std::vector<std::size_t> key_ends_;
  std::string text_; // of a string that comes in parts
  std::optional<error> fault_;
};

} // namespace behalf
