#include "agents/tools/results.hpp"
#include "runtime/net/codec.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace behalf;

namespace {

tool_outcome outcome(std::string_view body, const result_bounds& bounds = {}) {
  service_reply reply;
  reply.body = parse_json(body).value();
  return outcome_of(reply, {"c1", "send", "send", {}}, bounds);
}

json::object answer(std::string_view body, const result_bounds& bounds = {}) {
  return outcome(body, bounds).message;
}

} // namespace

TEST_CASE("a result becomes a tool message as LangChain has it", "[agents]") {
  auto m = answer(R"({"content":[{"type":"text","text":"sent"}]})");
  CHECK_FALSE(m.at("id").get_string().empty());
  m["id"] = "x";
  CHECK(dump(m)
        == R"({"content":"sent","additional_kwargs":{},"response_metadata":{},)"
           R"("type":"tool","name":"send","id":"x","tool_call_id":"c1",)"
           R"("artifact":null,"status":"success"})");
}

TEST_CASE("texts of a result are joined, embedded ones too", "[agents]") {
  CHECK(answer(R"({"content":[{"type":"text","text":"a"},{"type":"text","text":""},
                   {"type":"resource","resource":{"uri":"file:///b","text":"b"}},
                   {"type":"resource","resource":{"mimeType":"text/csv","blob":"YyxkCg=="}}]})")
          .at("content")
        == "a\nb\nc,d\n");
}

TEST_CASE("images, sounds and documents of a result become blocks", "[agents]") {
  CHECK(answer(R"({"content":[{"type":"text","text":"see"},
                   {"type":"image","mimeType":"image/png","data":"iVBORw0KGgo="},
                   {"type":"audio","mimeType":"audio/wav","data":"UklGRgAAAABXQVZF"},
                   {"type":"resource","resource":{"mimeType":"application/pdf","blob":"JVBERi0="}}]})")
          .at("content")
        == parse_json(R"([{"type":"text","text":"see"},
                          {"type":"image","base64":"iVBORw0KGgo=","mime_type":"image/png"},
                          {"type":"audio","base64":"UklGRgAAAABXQVZF","mime_type":"audio/wav"},
                          {"type":"file","base64":"JVBERi0=","mime_type":"application/pdf"}])")
             .value());
}

TEST_CASE("a file is what its first bytes say", "[agents]") {
  CHECK(answer(R"({"content":[{"type":"image","mimeType":"image/png","data":"UklGRgAAAABXRUJQ"},
                   {"type":"image","mimeType":"image/png","data":"UklGRgAAAABXRUI="},
                   {"type":"audio","mimeType":"audio/ogg","data":"T2dnUw=="}]})")
          .at("content")
        == parse_json(R"([{"type":"image","base64":"UklGRgAAAABXRUJQ","mime_type":"image/webp"},
            {"type":"text","text":"[left out: a file of image/png, 12 bytes, models cannot read it]"},
            {"type":"text","text":"[left out: a file of audio/ogg, 6 bytes, models cannot read it]"}
            ])")
             .value());
}

TEST_CASE("what no model can read is named instead", "[agents]") {
  CHECK(answer(R"({"content":[{"type":"image","mimeType":"image/svg+xml","data":"AP8A"},
                   {"type":"image","mimeType":"image/png","data":"not base64"},
                   {"type":"image","mimeType":"image/png"},
                   {"type":"resource","resource":{"uri":"file:///x.zip",
                     "mimeType":"application/zip","blob":"AP8A"}},
                   {"type":"hologram"}, 7]})")
          .at("content")
        == "[left out: a file of image/svg+xml, 3 bytes, models cannot read it]\n"
           "[left out: a file of image/png, 6 bytes, it is no base64]\n"
           "[left out: a file of image/png, 0 bytes, it is no base64]\n"
           "[left out: a file of application/zip, 3 bytes, file:///x.zip, models cannot read it]\n"
           "[left out: a part of a kind that is not known]\n"
           "[left out: a part of a kind that is not known]");
}

TEST_CASE("a link stays a text", "[agents]") {
  CHECK(answer(R"({"content":[{"type":"resource_link","uri":"https://example.com/a.png",
                   "name":"a","mimeType":"image/png","description":"A picture"}]})")
          .at("content")
        == "Link: https://example.com/a.png\nname: a\nmimeType: image/png\n"
           "description: A picture");
}

TEST_CASE("structured content is kept, and is the text when there is none", "[agents]") {
  auto m = answer(R"({"content":[],"structuredContent":[1,{"a":2}]})");
  CHECK(m.at("content") == R"([1,{"a":2}])");
  CHECK(m.at("artifact") == parse_json(R"({"structured_content":[1,{"a":2}]})").value());
  m = answer(R"({"content":[{"type":"text","text":"two"}],"structuredContent":2})");
  CHECK(m.at("content") == "two");
  CHECK(m.at("artifact") == parse_json(R"({"structured_content":2})").value());
  CHECK(answer(R"({"content":[],"structuredContent":null})").at("artifact").is_null());
}

TEST_CASE("a tool that failed says so", "[agents]") {
  auto m = answer(R"({"content":[{"type":"text","text":"no such mail"}],"isError":true})");
  CHECK(m.at("status") == "error");
  CHECK(m.at("content") == "no such mail");
  CHECK(answer(R"({"content":[],"isError":true})").at("content")
        == "The tool failed, and did not say why.");
  CHECK(answer(R"([1])").at("status") == "error");
  m = answer(R"({"resultType":"input_required","inputRequests":{}})");
  CHECK(m.at("status") == "error");
  CHECK(m.at("content") == "The tool asks for more input, which it cannot be given here.");
}

TEST_CASE("a long result is cut between characters, and says so", "[agents]") {
  result_bounds bounds;
  bounds.text_bytes = 4;
  CHECK(answer(R"({"content":[{"type":"text","text":"aé€"},{"type":"text","text":"b"}]})", bounds)
          .at("content")
        == "aé\nb\n[left out: 3 bytes more of text, the result is too long]");
  CHECK(answer(R"({"content":[],"structuredContent":"abcdef"})", bounds).at("artifact").is_null());
}

TEST_CASE("large files and many parts are left out of a result", "[agents]") {
  result_bounds bounds;
  bounds.media_bytes = 12;
  auto m = answer(R"({"content":[{"type":"image","mimeType":"image/png","data":"iVBORw0KGgoAAAAA"},
                      {"type":"image","mimeType":"image/png","data":"iVBORw0KGgo="}]})",
                  bounds);
  REQUIRE(m.at("content").get_array().size() == 2);
  CHECK(m.at("content").get_array()[0].at("text")
        == "[left out: a file of image/png, 12 bytes, the result is too long]");
  std::string many = R"({"content":[{"type":"text","text":"x"})";
  for (int i = 0; i < 1000; ++i)
    many += R"(,{"type":"text","text":""})";
  CHECK(answer(many + "]}").at("content") == "x\n[left out: 1 parts more, the result is too long]");
}

TEST_CASE("a result cannot flood the model with files, nor with what was left out", "[agents]") {
  const auto repeated = [](std::string_view part) {
    std::string all = R"({"content":[)";
    for (int i = 0; i < 100; ++i)
      all.append(i == 0 ? "" : ",").append(part);
    return answer(all + "]}").at("content");
  };
  const auto shown = repeated(R"({"type":"image","mimeType":"image/gif","data":"R0lGODlh"})");
  const auto& files = shown.as_array();
  REQUIRE(files.size() == 20 + 50 + 1);
  CHECK(files.at(19).at("type") == "image");
  CHECK(files.at(20).at("text")
        == "[left out: a file of image/gif, 6 bytes, the result is too long]");
  CHECK(files.at(70).at("text") == "[left out: 30 parts more, the result is too long]");
  const auto unknown = std::string(repeated(R"({"type":"x"})").as_string());
  CHECK(std::count(unknown.begin(), unknown.end(), '\n') == 50);
  CHECK(unknown.ends_with("[left out: 50 parts more, the result is too long]"));
}

TEST_CASE("files that a message only names are there to be kept", "[agents]") {
  result_bounds bounds;
  bounds.media_bytes = 12;
  const auto zip = R"({"type":"resource","resource":{"uri":"file:///a/x.zip",
                        "mimeType":"application/zip","blob":"AP8A"}})";
  const auto png = R"({"type":"image","mimeType":"image/jpeg","data":"iVBORw0KGgo="})";
  const auto of = [&](const std::string& parts) {
    return outcome(R"({"content":[)" + parts + "]}", bounds);
  };
  const std::string hi = R"({"type":"text","text":"hé"},)";
  auto made = of(hi + zip + "," + hi + zip);
  CHECK(made.left.text.empty());
  REQUIRE(made.left.files.size() == 2);
  CHECK(made.left.files[0].file
        == json::object{{"name", "1-x.zip"},
                        {"mime_type", "application/zip"},
                        {"base64", "AP8A"},
                        {"bytes", 3},
                        {"uri", "file:///a/x.zip"}});
  const std::string_view text = made.message.at("content").as_string();
  for (const auto& one : made.left.files) {
    CHECK_FALSE(one.is_readable);
    CHECK(text.substr(0, one.note).ends_with("file:///a/x.zip, models cannot read it]"));
  }
  CHECK(made.left.files[1].note == text.size());

  made = of(png + ("," + std::string(png)) + "," + zip);
  REQUIRE(made.left.files.size() == 2);
  CHECK(made.left.files[0].file.at("name") == "1.png"); // the first one is shown
  CHECK(made.left.files[0].file.at("mime_type") == "image/png");
  CHECK(made.left.files[0].is_readable);
  CHECK(made.left.files[0].note == 1);
  CHECK(made.left.files[1].note == 2);
  CHECK(of(png).left.empty());
  CHECK(
    of(R"({"type":"image","mimeType":"image/png","data":"iVBORw0KGgoAAAAA????"})").left.empty());
}

TEST_CASE("what is kept of a result's files is bounded", "[agents]") {
  const auto zips = [](const std::string& more, int n, const result_bounds& bounds) {
    std::string all;
    for (int i = 0; i < n; ++i)
      all +=
        (i == 0 ? "" : ",") + (R"({"type":"resource","resource":{"blob":"AP8A")" + more + "}}");
    return outcome(R"({"content":[)" + all + "]}", bounds).left.files;
  };
  CHECK(zips("", 100, {}).size() == 20);
  result_bounds bounds;
  bounds.kept_files = 11;
  CHECK(zips("", 3, bounds).size() == 2);
  const auto name = [&](const std::string& uri) {
    const auto files = zips(R"(,"uri":")" + uri + '"', 1, {});
    return std::string(files.at(0).file.at("name").as_string());
  };
  CHECK(name("") == "1");
  CHECK(name("plan.xlsx") == "1-plan.xlsx");
  CHECK(name("file:///a/..") == "1-..");
  CHECK(name("https://example.com/a?b=c/") == "1");
  CHECK(name("file:///a b") == "1");
  CHECK(name(R"(file:///a\\b)") == "1");
  CHECK(name(std::string(101, 'x')) == "1");
  CHECK_FALSE(zips(R"(,"uri":")" + std::string(2001, 'x') + '"', 1, {})[0].file.contains("uri"));
  const auto type = zips(R"(,"mimeType":")" + std::string(200, 'x') + '"', 1, {})[0].file;
  CHECK(type.at("mime_type") == "application/octet-stream");
}

TEST_CASE("the whole of a long result has all its texts", "[agents]") {
  result_bounds bounds;
  bounds.text_bytes = 4;
  bounds.media_bytes = 12;
  const auto left = outcome(R"({"content":[{"type":"text","text":"ab"},
      {"type":"image","mimeType":"image/png","data":"iVBORw0KGgo="},
      {"type":"text","text":"cdé"},{"type":"hologram"},
      {"type":"resource","resource":{"mimeType":"text/csv","blob":"YyxkCg=="}}]})",
                            bounds)
                      .left;
  CHECK(left.text == "ab\ncdé\n[left out: a part of a kind that is not known]\nc,d\n");
  CHECK(left.text_shown == 5);
  bounds.kept_text = 6;
  const auto cut =
    outcome(R"({"content":[{"type":"text","text":"abcdé"},{"type":"text","text":"f"}]})", bounds)
      .left;
  CHECK(cut.text == "abcdé\n[left out: 1 bytes more of text, the result is too long]");
}

TEST_CASE("a call that did not happen has a message, too", "[agents]") {
  auto m = tool_error("c1", "send", "It takes too long.");
  m["id"] = "x";
  CHECK(dump(m)
        == R"({"content":"It takes too long.","additional_kwargs":{},)"
           R"("response_metadata":{},"type":"tool","name":"send","id":"x",)"
           R"("tool_call_id":"c1","artifact":null,"status":"error"})");
}
