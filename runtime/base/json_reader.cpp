#include "runtime/base/json_reader.hpp"

#include <charconv>
#include <random>

namespace behalf {
namespace {

// From this size on an object's table has a random size: Boost.JSON's hash is known, and keys
// chosen to collide would make parsing quadratic.
constexpr std::size_t large = 32;

std::size_t table_size(std::size_t n) {
  if (n < large)
    return n;
  thread_local std::minstd_rand sizes{std::random_device{}()};
  return n + sizes() % n;
}

} // namespace

bool document_builder::begin(bool is_object, ec& e) {
  if (!room(e))
    return false;
  open_.push_back({is_object, values_.size(), key_ends_.size()});
  return true;
}

// Is there room for one more value here?
bool document_builder::room(ec& e) {
  if (++nodes_ > bounds_.nodes)
    return refuse("the document has more than " + std::to_string(bounds_.nodes) + " values", e);
  if (!open_.empty() && !open_.back().is_object
      && values_.size() - open_.back().first_value >= bounds_.elements)
    return refuse("a list has more than " + std::to_string(bounds_.elements) + " elements", e);
  return true;
}

bool document_builder::on_key_part(view part, std::size_t n, ec& e) {
  if (n > bounds_.name_bytes)
    return refuse_container("a key has more than " + std::to_string(bounds_.name_bytes) + " bytes",
                            e);
  text_.append(part.data(), part.size());
  return true;
}

bool document_builder::on_key(view part, std::size_t n, ec& e) {
  if (key_ends_.size() - open_.back().first_key >= bounds_.members)
    return refuse_container(
      "an object has more than " + std::to_string(bounds_.members) + " members", e);
  if (n > bounds_.name_bytes)
    return refuse_container("a key has more than " + std::to_string(bounds_.name_bytes) + " bytes",
                            e);
  keys_.append(text_).append(part.data(), part.size());
  text_.clear();
  key_ends_.push_back(keys_.size());
  return true;
}

std::string_view document_builder::key(std::size_t at) const {
  auto from = at == 0 ? 0 : key_ends_[at - 1];
  return std::string_view{keys_}.substr(from, key_ends_[at] - from);
}

bool document_builder::on_string(view part, std::size_t, ec& e) {
  if (text_.empty())
    return add(part, e);
  text_.append(part.data(), part.size());
  auto added = add(view{text_}, e);
  text_.clear();
  return added;
}

// Boost.JSON's own reading of a double is off by a bit at times, and makes infinity of what is too
// large.
bool document_builder::on_double(double rough, view text, ec& e) {
  auto whole = text.find_first_of(".eE") == view::npos;
  auto shown = std::string(text.substr(0, 40)) + (text.size() > 40 ? "…" : "");
  if (whole)
    return refuse(shown + " is an integer of more than 64 bits", e);
  auto exact = rough;
  auto read = std::from_chars(text.data(), text.data() + text.size(), exact);
  if (read.ec == std::errc::result_out_of_range) {
    if (std::abs(rough) >= 1)
      return refuse(shown + " is beyond the range of a number", e);
    exact = text.front() == '-' ? -0.0 : 0.0;
  }
  return add(exact, e);
}

bool document_builder::on_array_end(std::size_t, ec&) {
  auto from = values_.begin() + static_cast<std::ptrdiff_t>(open_.back().first_value);
  close(json::array(std::make_move_iterator(from), std::make_move_iterator(values_.end())));
  return true;
}

bool document_builder::on_object_end(std::size_t n, ec& e) {
  auto at = open_.back();
  json::object made;
  made.reserve(table_size(n));
  for (std::size_t i = 0; i < n; ++i) {
    auto name = key(at.first_key + i);
    auto added = made.insert_or_assign(name, std::move(values_[at.first_value + i])).second;
    if (!added && unique_keys_)
      return refuse_container("a key stands twice in an object", e);
  }
  keys_.resize(at.first_key == 0 ? 0 : key_ends_[at.first_key - 1]);
  key_ends_.resize(at.first_key);
  close(std::move(made));
  return true;
}

void document_builder::close(json::value made) {
  values_.resize(open_.back().first_value);
  open_.pop_back();
  values_.push_back(std::move(made));
}

bool document_builder::refuse(std::string why, ec& e) {
  fault_ = fail(errc::invalid_argument, std::move(why) + place(open_.size()));
  e = json::make_error_code(json::error::exception);
  return false;
}

// Where the fault is the innermost container's, not that of what is in it.
bool document_builder::refuse_container(std::string why, ec& e) {
  fault_ = fail(errc::invalid_argument, std::move(why) + place(open_.size() - 1));
  e = json::make_error_code(json::error::exception);
  return false;
}

std::string document_builder::place(std::size_t levels) const {
  json_place where;
  for (std::size_t i = 0; i < levels; ++i) {
    const auto last = i + 1 == open_.size();
    if (open_[i].is_object) {
      auto end = last ? key_ends_.size() : open_[i + 1].first_key;
      if (end > open_[i].first_key)
        where.key(key(end - 1));
    } else {
      where.index((last ? values_.size() : open_[i + 1].first_value) - open_[i].first_value);
    }
  }
  return where.text();
}

} // namespace behalf
