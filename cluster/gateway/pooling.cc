// Texts under way, and what becomes of their numbers.
#include "cluster/gateway/pooling.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <ctime>
#include <functional>
#include <mutex>
#include <numeric>
#include <utility>

#include "cluster/gateway/router_query.h"

namespace conduit::cluster {

namespace {

using actors::PoolReply;
using actors::PoolRequest;

// Of one answer: what an engine's batch takes at once, with some to wait for the next step.
constexpr std::size_t kTextsUnderWay = 32;
// A model may have to be loaded first, and others' long prompts may be before this one.
constexpr std::chrono::minutes kTextTimeout{10};

std::uint64_t total_tokens(const std::vector<PoolReply>& replies) {
  std::uint64_t sum = 0;
  for (const PoolReply& reply : replies) sum += reply.prompt_tokens;
  return sum;
}

class PooledTexts : public std::enable_shared_from_this<PooledTexts> {
 public:
  using Finish = std::function<void(HttpAnswer&, const std::vector<PoolReply>&)>;

  PooledTexts(caf::actor_system& system, actors::RouterActor router, std::string model,
              std::vector<PoolRequest> texts, std::shared_ptr<HttpAnswer> answer, Finish finish)
      : system_(system),
        router_(std::move(router)),
        model_(std::move(model)),
        texts_(std::move(texts)),
        answer_(std::move(answer)),
        finish_(std::move(finish)),
        replies_(texts_.size()) {}

  void start() {
    answer_->set_usage({model_, 0, 0});
    answer_->on_disconnect([weak = weak_from_this()] {
      if (auto still_running = weak.lock()) still_running->client_left();
    });
    for (std::size_t i = 0; i < kTextsUnderWay; ++i) ask_next();
  }

 private:
  void ask_next() {
    std::size_t text = 0;
    {
      std::lock_guard lock(mutex_);
      if (is_over_ || next_ == texts_.size()) return;
      text = next_++;
    }
    ask_router<PoolReply>(
        system_, router_, std::move(texts_[text]),
        [self = shared_from_this(), text](Result<PoolReply> reply) {
          self->take(text, std::move(reply));
        },
        kTextTimeout);
  }

  void take(std::size_t text, Result<PoolReply> reply) {
    if (!reply) return fail(reply.error());
    bool is_last = false;
    {
      std::lock_guard lock(mutex_);
      if (is_over_) return;
      replies_[text] = *std::move(reply);
      is_last = is_over_ = ++answered_ == replies_.size();
    }
    if (!is_last) return ask_next();
    const std::uint64_t tokens = total_tokens(replies_);
    answer_->set_usage({model_, tokens, 0});
    finish_(*answer_, replies_);
  }

  void fail(const Error& error) {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(is_over_, true)) return;
    }
    answer_->error(api_error(error));
  }

  void client_left() {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(is_over_, true)) return;
    }
    answer_->disconnected();
  }

  caf::actor_system& system_;
  const actors::RouterActor router_;
  const std::string model_;
  std::vector<PoolRequest> texts_;  // each moved from when it is asked
  const std::shared_ptr<HttpAnswer> answer_;
  const Finish finish_;

  std::mutex mutex_;
  std::vector<PoolReply> replies_;
  std::size_t next_ = 0;
  std::size_t answered_ = 0;
  bool is_over_ = false;
};

// The shortest decimal that is this float again: half the bytes of the double's.
double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double parsed = value;
  std::from_chars(text, end, parsed);
  return parsed;
}

std::string base64(const std::vector<float>& values) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static_assert(std::endian::native == std::endian::little);
  std::vector<unsigned char> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

json::Value numbers(const std::vector<float>& values, bool is_base64) {
  if (is_base64) return base64(values);
  json::Array out;
  out.reserve(values.size());
  for (float value : values) out.emplace_back(shortest(value));
  return out;
}

void finish_embeddings(const EmbeddingsPlan& plan, HttpAnswer& answer,
                       const std::vector<PoolReply>& replies) {
  const auto size = static_cast<int>(replies.front().embedding.size());
  if (plan.dimensions != 0 && plan.dimensions != size)
    return answer.error(invalid_request(
        "dimensions", "dimensions is " + std::to_string(plan.dimensions) + "; model " + plan.model +
                          " makes embeddings of " + std::to_string(size) +
                          " numbers, and was not trained to be cut"));
  json::Array data;
  for (std::size_t i = 0; i < replies.size(); ++i)
    data.push_back(json::Object{{"object", "embedding"},
                                {"index", i},
                                {"embedding", numbers(replies[i].embedding, plan.is_base64)}});
  const std::uint64_t tokens = total_tokens(replies);
  answer.json(
      200,
      json::Object{{"id", "embd-" + answer.id()},
                   {"object", "list"},
                   {"created", std::time(nullptr)},
                   {"model", plan.model},
                   {"data", std::move(data)},
                   {"usage", json::Object{{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

// Best first; of equal ones the earlier.
void finish_rerank(const RerankPlan& plan, const std::vector<std::string>& documents,
                   HttpAnswer& answer, const std::vector<PoolReply>& replies) {
  std::vector<std::size_t> order(replies.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return replies[a].score > replies[b].score;
  });
  if (plan.top_n != 0) order.resize(std::min(order.size(), plan.top_n));
  json::Array results;
  for (std::size_t i : order) {
    json::Value result = json::Object{{"index", i}};
    if (plan.returns_documents) result.set("document", json::Object{{"text", documents[i]}});
    result.set("relevance_score", shortest(replies[i].score));
    results.push_back(std::move(result));
  }
  const std::uint64_t tokens = total_tokens(replies);
  answer.json(200, json::Object{
                       {"id", "rerank-" + answer.id()},
                       {"model", plan.model},
                       {"usage", json::Object{{"prompt_tokens", tokens}, {"total_tokens", tokens}}},
                       {"results", std::move(results)}});
}

}  // namespace

void answer_embeddings(caf::actor_system& system, const actors::RouterActor& router,
                       EmbeddingsPlan plan, std::shared_ptr<HttpAnswer> answer) {
  auto texts = std::exchange(plan.texts, {});
  const std::string model = plan.model;
  std::make_shared<PooledTexts>(system, router, model, std::move(texts), std::move(answer),
                                [plan = std::move(plan)](HttpAnswer& to, const auto& replies) {
                                  finish_embeddings(plan, to, replies);
                                })
      ->start();
}

void answer_rerank(caf::actor_system& system, const actors::RouterActor& router, RerankPlan plan,
                   std::shared_ptr<HttpAnswer> answer) {
  auto texts = std::exchange(plan.texts, {});
  std::vector<std::string> documents;
  if (plan.returns_documents)
    for (const PoolRequest& text : texts) documents.push_back(text.document);
  const std::string model = plan.model;
  std::make_shared<PooledTexts>(
      system, router, model, std::move(texts), std::move(answer),
      [plan = std::move(plan), documents = std::move(documents)](
          HttpAnswer& to, const auto& replies) { finish_rerank(plan, documents, to, replies); })
      ->start();
}

}  // namespace conduit::cluster
