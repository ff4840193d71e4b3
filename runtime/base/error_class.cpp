#include "behalf/node.hpp"

#include <cstdlib>
#include <cxxabi.h>
#include <new>
#include <stdexcept>
#include <typeinfo>
#include <variant>

namespace behalf {
namespace {

error named(std::string kind, std::string text) {
  return {errc::internal, std::move(text), {}, std::move(kind)};
}

// "my::module::custom_error" as "custom_error".
std::string class_name(const std::type_info& type) {
  int status = 0;
  char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = status == 0 && text ? text : type.name();
  std::free(text);
  auto at = name.rfind("::");
  return at == name.npos ? name : name.substr(at + 2);
}

// A class of our own world keeps its name; one of the standard library gets the name SDKs know.
error thrown(const std::exception& e, const char* known_as) {
  auto name = class_name(typeid(e));
  std::string full = typeid(e).name();
  auto standard =
    full.starts_with("St") || full.starts_with("NSt") || full.find("boost") != full.npos;
  return named(standard ? known_as : name, e.what());
}

} // namespace

error current_exception_error() {
  constexpr auto hidden = "An internal error occurred";
  try {
    throw;
  } catch (const error_thrown& e) {
    return e.why;
  } catch (const std::invalid_argument& e) {
    return thrown(e, "ValueError");
  } catch (const std::domain_error& e) {
    return thrown(e, "ValueError");
  } catch (const std::length_error& e) {
    return thrown(e, "ValueError");
  } catch (const std::out_of_range& e) {
    return thrown(e, "KeyError");
  } catch (const std::logic_error& e) {
    return thrown(e, "RuntimeError");
  } catch (const std::runtime_error& e) {
    return thrown(e, "RuntimeError");
  } catch (const std::bad_alloc&) {
    return named("MemoryError", hidden);
  } catch (const std::exception& e) {
    return named(class_name(typeid(e)), hidden);
  } catch (...) {
    const auto* type = abi::__cxa_current_exception_type();
    return named(type ? class_name(*type) : "Exception", hidden);
  }
}

std::string error_class(const error& e) {
  if (!e.kind.empty())
    return e.kind;
  switch (e.code) {
  case errc::bad_request:
  case errc::invalid_argument:
  case errc::method:
  case errc::too_large:
  case errc::headers_too_large:
    return "ValueError";
  case errc::unauthenticated:
  case errc::denied:
    return "PermissionError";
  case errc::not_found:
    return "LookupError";
  case errc::conflict:
    return "ConflictError";
  case errc::too_many:
    return "RateLimitError";
  case errc::internal:
    return "RuntimeError";
  case errc::upstream:
    return "UpstreamError";
  case errc::overloaded:
    return "OverloadedError";
  case errc::timeout:
  case errc::slow_request:
    return "TimeoutError";
  }
  return "RuntimeError";
}

} // namespace behalf
