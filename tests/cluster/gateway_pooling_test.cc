// /v1/embeddings and /v1/rerank before a router that the test plays: its embeddings are [length,
// first byte, 0.5], its scores the document's length / 100.
#include <gtest/gtest.h>

#include "tests/support/gateway_fixture.h"

namespace conduit::cluster {
namespace {

using testing::at;
using testing::http_request;
using testing::parsed;

class GatewayPoolingTest : public testing::GatewayFixture {};

TEST_F(GatewayPoolingTest, OneTextIsOneEmbedding) {
  auto response = ask(
      http_request("/v1/embeddings", R"({"model":"tiny","input":"abc"})", "X-Request-Id: e-1\r\n"));
  EXPECT_EQ(response.status, 200);
  json::Value body = parsed(response.body);
  body.set("created", 0);
  EXPECT_EQ(json::dump(body),
            R"({"id":"embd-e-1","object":"list","created":0,"model":"tiny","data":[)"
            R"({"object":"embedding","index":0,"embedding":[3.0,97.0,0.5]}],)"
            R"("usage":{"prompt_tokens":3,"total_tokens":3}})");
}

TEST_F(GatewayPoolingTest, InputsAreTextsOrTokensOrListsOfEither) {
  const auto lengths = [this](const std::string& input) {
    std::vector<double> out;
    const auto body =
        parsed(post("/v1/embeddings", R"({"model":"tiny","input":)" + input + "}").body);
    const json::Value data = at(body, "data");
    for (const auto& one : data.as_array()) out.push_back(at(one, "embedding.0").as_double());
    return out;
  };
  EXPECT_EQ(lengths(R"(["a","bcd"])"), (std::vector<double>{1, 3}));
  EXPECT_EQ(lengths("[5,6]"), (std::vector<double>{2}));
  EXPECT_EQ(lengths("[[5,6],[7]]"), (std::vector<double>{2, 1}));
  std::string many = R"(["x")";
  for (int i = 1; i < 300; ++i) many += R"(,")" + std::string(1 + i % 7, 'x') + '"';
  const auto all = lengths(many + "]");
  ASSERT_EQ(all.size(), 300u);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], 1 + i % 7);
}

TEST_F(GatewayPoolingTest, Base64IsLittleEndianFloats) {
  const auto response =
      post("/v1/embeddings", R"({"model":"tiny","input":"a","encoding_format":"base64"})");
  // 1.0, 97.0, 0.5
  EXPECT_EQ(at(parsed(response.body), "data.0.embedding"), json::Value("AACAPwAAwkIAAAA/"));
}

TEST_F(GatewayPoolingTest, OtherDimensionsThanTheModelsAreRefused) {
  EXPECT_EQ(post("/v1/embeddings", R"({"model":"tiny","input":"a","dimensions":3})").status, 200);
  const auto [status, error] =
      refused("/v1/embeddings", R"({"model":"tiny","input":"a","dimensions":2})");
  EXPECT_EQ(status, 400);
  EXPECT_EQ(at(error, "param"), json::Value("dimensions"));
}

TEST_F(GatewayPoolingTest, WrongBodiesNameTheirField) {
  for (const auto& [path, body, field] : std::vector<std::array<const char*, 3>>{
           {"/v1/embeddings", R"({"model":"tiny"})", "input"},
           {"/v1/embeddings", R"({"model":"tiny","input":[]})", "input"},
           {"/v1/embeddings", R"({"model":"tiny","input":[["a"]]})", "input"},
           {"/v1/embeddings", R"({"model":"tiny","input":[-1]})", "input"},
           {"/v1/embeddings", R"({"model":"tiny","input":"a","encoding_format":"hex"})",
            "encoding_format"},
           {"/v1/embeddings", R"({"input":"a"})", "model"},
           {"/v1/rerank", R"({"model":"tiny","documents":["a"]})", "query"},
           {"/v1/rerank", R"({"model":"tiny","query":"q"})", "documents"},
           {"/v1/rerank", R"({"model":"tiny","query":"q","documents":[{"a":1}]})", "documents"},
           {"/v1/rerank", R"({"model":"tiny","query":"q","documents":["a"],"top_n":-1})", "top_n"},
       }) {
    const auto [status, error] = refused(path, body);
    EXPECT_EQ(status, 400) << body;
    EXPECT_EQ(at(error, "param"), json::Value(field)) << body;
  }
}

TEST_F(GatewayPoolingTest, TheRoutersErrorIsTheAnswers) {
  EXPECT_EQ(post("/v1/embeddings", R"({"model":"nobody","input":["a","b"]})").status, 404);
  const auto full = post("/v1/rerank", R"({"model":"full","query":"q","documents":["a"]})");
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.header("Retry-After"), "1");
}

TEST_F(GatewayPoolingTest, DocumentsComeBestFirst) {
  for (const char* path : {"/v1/rerank", "/v2/rerank", "/rerank"}) {
    const auto body = parsed(
        post(path, R"({"model":"tiny","query":"q","documents":["a","ccc",{"text":"bb"},"ddd"]})")
            .body);
    const json::Value found = at(body, "results");
    const auto& results = found.as_array();
    ASSERT_EQ(results.size(), 4u) << path;
    std::vector<std::int64_t> order;
    for (const auto& result : results) order.push_back(at(result, "index").as_int());
    EXPECT_EQ(order, (std::vector<std::int64_t>{1, 3, 2, 0}));
    EXPECT_EQ(at(results[2], "document.text"), json::Value("bb"));
    EXPECT_EQ(at(results[0], "relevance_score"), json::Value(0.03));
    EXPECT_EQ(at(body, "usage.total_tokens"), json::Value(13));
  }
}

TEST_F(GatewayPoolingTest, TopNAndReturnDocumentsShortenTheAnswer) {
  const auto body = parsed(post("/v1/rerank", R"({"model":"tiny","query":"q","top_n":1,)"
                                              R"("return_documents":false,"documents":["a","bb"]})")
                               .body);
  EXPECT_EQ(json::dump(at(body, "results")), R"([{"index":1,"relevance_score":0.02}])");
}

}  // namespace
}  // namespace conduit::cluster
