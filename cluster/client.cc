// An actor system, a router and a spine of its own, or a whole node; blocking and other readers of
// its streams.
#include "cluster/client.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "actors/errors.h"
#include "actors/router.h"
#include "cluster/client_calls.h"
#include "cluster/node.h"
#include "cluster/spine/spine.h"
#include "mdl/base/json.h"

namespace conduit {

namespace {

// Messages are all they handle; the work is done elsewhere.
constexpr int kThreads = 2;
// Of a question to the router in this process.
constexpr std::chrono::seconds kRouterTimeout{10};
// Chunks that may wait for a slow on_text.
constexpr std::uint32_t kCredit = 64;

actors::GenerateRequest request_of(const std::string& model, const ChatOptions& options) {
  actors::GenerateRequest request;
  request.model = model;
  request.max_tokens = options.max_tokens;
  request.temperature = options.temperature;
  request.top_k = options.top_k;
  request.top_p = options.top_p;
  request.min_p = options.min_p;
  request.seed = options.seed.value_or(0);
  request.has_seed = options.seed.has_value();
  request.stop = options.stop;
  request.deadline_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      options.deadline.count(), 0, std::numeric_limits<std::uint32_t>::max()));
  request.credit = kCredit;
  return request;
}

actors::GenerateRequest chat_request(const std::string& model, const std::string& messages_json,
                                     const ChatOptions& options) {
  actors::GenerateRequest request = request_of(model, options);
  request.prompt_kind = wire::PromptKind::chat;
  request.messages_json = messages_json;
  return request;
}

actors::GenerateRequest completion_request(const std::string& model, const std::string& prompt,
                                           const ChatOptions& options) {
  actors::GenerateRequest request = request_of(model, options);
  request.prompt_kind = wire::PromptKind::text;
  request.prompt = prompt;
  return request;
}

std::string json_of(const std::vector<ChatMessage>& messages) {
  json::Array array;
  for (const ChatMessage& message : messages)
    array.push_back(json::Object{{"role", message.role}, {"content", message.content}});
  return json::dump(std::move(array));
}

// In the user's message, as some models' templates refuse a system's.
std::string question_with_hint(const std::string& question, const std::vector<std::string>& lines) {
  std::string text = question +
                     "\n\nAnswer with one JSON object and nothing else. It has exactly these "
                     "fields, each with its type:\n";
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

Embeddings embeddings_of(std::vector<actors::PoolReply>& replies) {
  Embeddings embeddings;
  for (actors::PoolReply& reply : replies) {
    embeddings.vectors.push_back(std::move(reply.embedding));
    embeddings.prompt_tokens += reply.prompt_tokens;
  }
  return embeddings;
}

std::vector<float> scores_of(std::vector<actors::PoolReply>& replies) {
  std::vector<float> scores;
  for (const actors::PoolReply& reply : replies) scores.push_back(reply.score);
  return scores;
}

}  // namespace

// One of the two.
struct Client::Parts {
  // A member of the cluster that has no replicas.
  struct Member {
    Member() : system(config), router(actors::spawn_router(system)) {}
    ~Member() {
      spine.reset();
      caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
    }

    struct Config : caf::actor_system_config {
      Config() { actors::configure(*this, kThreads); }
    };
    Config config;
    caf::actor_system system;
    actors::RouterActor router;
    std::unique_ptr<cluster::Spine> spine;
  };

  std::unique_ptr<Member> member;
  std::unique_ptr<cluster::Node> node;

  caf::actor_system& system() { return node ? node->system() : member->system; }
  const actors::RouterActor& router() { return node ? node->router() : member->router; }
  Result<ChatAnswer> answer(actors::GenerateRequest request, const std::stop_token& cancel,
                            const OnText& on_text);
  Call<ChatAnswer> begin(actors::GenerateRequest request, const std::stop_token& cancel,
                         OnText on_text);
};

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& endpoint, std::chrono::milliseconds timeout) {
  auto member = std::make_unique<Parts::Member>();
  cluster::SpineOptions options;
  options.join = {endpoint};
  CONDUIT_TRY(member->spine, cluster::Spine::start(member->system, member->router, options));
  CONDUIT_TRY_STATUS(member->spine->wait_joined(timeout));
  return Client(std::unique_ptr<Parts>(new Parts{std::move(member), nullptr}));
}

Result<Client> Client::embed_node(const NodeOptions& options) {
  cluster::Flags flags;
  for (const auto& [key, value] : options.settings) flags[key] = {value};
  if (!options.models.empty()) flags["model"] = options.models;
  flags.emplace("log_level", std::vector<std::string>{"warning"});
  CONDUIT_TRY(cluster::NodeConfig config, cluster::read_node_config(std::nullopt, flags, ""));
  // The default address passed the checks; nobody has to listen at it.
  if (!options.settings.contains("http")) config.http.reset();
  log::set_level(config.log_level);
  CONDUIT_TRY(auto node, cluster::Node::start(config));
  CONDUIT_TRY_STATUS(node->wait_ready());
  return Client(std::unique_ptr<Parts>(new Parts{nullptr, std::move(node)}));
}

Result<std::vector<std::string>> Client::models() const {
  caf::scoped_actor self{parts_->system()};
  Result<std::vector<std::string>> names = std::vector<std::string>{};
  actors::ask(self.ptr(), parts_->router(), kRouterTimeout, actors::ModelsQuery{})
      .receive(
          [&](const actors::ModelsReply& reply) {
            for (const actors::ModelEntry& model : reply.models)
              if (model.ready > 0) names->push_back(model.name);
          },
          [&](const caf::error& error) { names = actors::from_caf(error); });
  return names;
}

Result<ChatAnswer> Client::Parts::answer(actors::GenerateRequest request,
                                         const std::stop_token& cancel, const OnText& on_text) {
  // Shared with the stream's actor, which may speak once more after this call has returned.
  auto inbox = std::make_shared<Inbox>();
  actors::StreamHandlers handlers;
  handlers.on_chunk = [inbox](const actors::TokenChunk& chunk) { inbox->put(chunk); };
  handlers.on_finished = [inbox](const actors::Finished& finished) { inbox->finish(finished); };
  actors::Stream stream =
      actors::Stream::start(system(), router(), std::move(request), std::move(handlers));
  const std::stop_callback on_cancel(cancel, [&stream] { stream.cancel(); });

  std::string text;
  while (auto piece = inbox->take()) {
    if (on_text && !piece->empty()) on_text(*piece);
    text += *piece;
    stream.grant(1);
  }
  return answer_of(std::move(text), inbox->finished());
}

Call<ChatAnswer> Client::Parts::begin(actors::GenerateRequest request,
                                      const std::stop_token& cancel, OnText on_text) {
  return std::make_shared<Answering>(std::move(on_text))
      ->start(system(), router(), std::move(request), cancel);
}

// --- each kind of prompt, twice

Result<ChatAnswer> Client::chat(const std::string& model, const std::vector<ChatMessage>& messages,
                                const ChatOptions& options, const OnText& on_text) const {
  return chat_json(model, json_of(messages), options, on_text);
}

Result<json::Value> Client::ask_json(const std::string& model, const std::string& question,
                                     const mdl::Type& type, const ChatOptions& options) const {
  CONDUIT_TRY(auto reader, mdl::PayloadReader::make(type));
  CONDUIT_TRY(const auto lines, mdl::hint(type));
  actors::GenerateRequest request =
      chat_request(model, json_of({{"user", question_with_hint(question, lines)}}), options);
  request.split_reasoning = true;
  request.constraint_kind = wire::ConstraintKind::json_schema;
  request.constraint = reader.json_schema();
  CONDUIT_TRY(const ChatAnswer answer, parts_->answer(std::move(request), options.cancel, {}));
  CONDUIT_TRY(mdl::Payload payload, reader.read(answer.text));
  return std::move(payload.value);
}

Call<ChatAnswer> Client::chat_async(const std::string& model,
                                    const std::vector<ChatMessage>& messages,
                                    const ChatOptions& options, OnText on_text) const {
  return chat_json_async(model, json_of(messages), options, std::move(on_text));
}

Result<ChatAnswer> Client::chat_json(const std::string& model, const std::string& messages_json,
                                     const ChatOptions& options, const OnText& on_text) const {
  return parts_->answer(chat_request(model, messages_json, options), options.cancel, on_text);
}

Call<ChatAnswer> Client::chat_json_async(const std::string& model, const std::string& messages_json,
                                         const ChatOptions& options, OnText on_text) const {
  return parts_->begin(chat_request(model, messages_json, options), options.cancel,
                       std::move(on_text));
}

Result<ChatAnswer> Client::complete(const std::string& model, const std::string& prompt,
                                    const ChatOptions& options, const OnText& on_text) const {
  return parts_->answer(completion_request(model, prompt, options), options.cancel, on_text);
}

Call<ChatAnswer> Client::complete_async(const std::string& model, const std::string& prompt,
                                        const ChatOptions& options, OnText on_text) const {
  return parts_->begin(completion_request(model, prompt, options), options.cancel,
                       std::move(on_text));
}

Call<Embeddings> Client::embed_async(const std::string& model,
                                     const std::vector<std::string>& texts) const {
  std::vector<actors::PoolRequest> requests(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    requests[i].model = model;
    requests[i].task = wire::PoolTask::embed;
    requests[i].prompt_kind = wire::PromptKind::text;
    requests[i].prompt = texts[i];
  }
  return std::make_shared<Pooling<Embeddings>>(parts_->system(), parts_->router(),
                                               std::move(requests), embeddings_of)
      ->start();
}

Result<Embeddings> Client::embed(const std::string& model,
                                 const std::vector<std::string>& texts) const {
  return embed_async(model, texts).get();
}

Call<std::vector<float>> Client::rank_async(const std::string& model, const std::string& query,
                                            const std::vector<std::string>& documents) const {
  std::vector<actors::PoolRequest> requests(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    requests[i].model = model;
    requests[i].task = wire::PoolTask::score;
    requests[i].prompt = query;
    requests[i].document = documents[i];
  }
  return std::make_shared<Pooling<std::vector<float>>>(parts_->system(), parts_->router(),
                                                       std::move(requests), scores_of)
      ->start();
}

Result<std::vector<float>> Client::rank(const std::string& model, const std::string& query,
                                        const std::vector<std::string>& documents) const {
  return rank_async(model, query, documents).get();
}

}  // namespace conduit
