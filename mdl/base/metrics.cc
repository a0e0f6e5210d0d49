// The door to prometheus-cpp.
#include "mdl/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <memory>
#include <mutex>

namespace conduit::metrics {

namespace {

prometheus::Registry& registry() {
  static prometheus::Registry instance{prometheus::Registry::InsertBehavior::Merge};
  return instance;
}

// Wrappers by the native instrument they stand for: a caller always gets the same one.
template <class Wrapper, class Make>
Wrapper& wrapper_of(void* native, Make make) {
  static std::mutex mutex;
  static std::map<void*, std::unique_ptr<Wrapper>> wrappers;
  std::lock_guard lock(mutex);
  auto& slot = wrappers[native];
  if (!slot) slot = make();
  return *slot;
}

}  // namespace

void Counter::increment(double by) { static_cast<prometheus::Counter*>(native_)->Increment(by); }
double Counter::value() const { return static_cast<prometheus::Counter*>(native_)->Value(); }
void Gauge::set(double value) { static_cast<prometheus::Gauge*>(native_)->Set(value); }
void Gauge::add(double by) { static_cast<prometheus::Gauge*>(native_)->Increment(by); }
double Gauge::value() const { return static_cast<prometheus::Gauge*>(native_)->Value(); }
void Histogram::observe(double value) {
  static_cast<prometheus::Histogram*>(native_)->Observe(value);
}

Counter& counter(const std::string& name, const std::string& help, const Labels& labels) {
  auto& native = prometheus::BuildCounter().Name(name).Help(help).Register(registry()).Add(labels);
  return wrapper_of<Counter>(&native,
                             [&] { return std::unique_ptr<Counter>(new Counter(&native)); });
}

Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) {
  auto& native = prometheus::BuildGauge().Name(name).Help(help).Register(registry()).Add(labels);
  return wrapper_of<Gauge>(&native, [&] { return std::unique_ptr<Gauge>(new Gauge(&native)); });
}

Histogram& histogram(const std::string& name, const std::string& help,
                     const std::vector<double>& bounds, const Labels& labels) {
  auto& native =
      prometheus::BuildHistogram().Name(name).Help(help).Register(registry()).Add(labels, bounds);
  return wrapper_of<Histogram>(&native,
                               [&] { return std::unique_ptr<Histogram>(new Histogram(&native)); });
}

std::string text() { return prometheus::TextSerializer().Serialize(registry().Collect()); }

}  // namespace conduit::metrics
