// Counters, gauges and histograms, and their text for a Prometheus scraper. prometheus-cpp stands
// behind it and nowhere else. The idea: an instrument is found once by name and labels and then
// kept; changing it is an atomic operation, so any thread may. Process-wide on purpose: a scraper
// sees a process. Names start with `conduit_`, units are in them (`_seconds`, `_total`).
#pragma once

#include <map>
#include <string>
#include <vector>

namespace conduit::metrics {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  void increment(double by = 1);
  double value() const;

 private:
  friend Counter& counter(const std::string&, const std::string&, const Labels&);
  explicit Counter(void* native) : native_(native) {}
  void* native_;
};

class Gauge {
 public:
  void set(double value);
  void add(double by);
  double value() const;

 private:
  friend Gauge& gauge(const std::string&, const std::string&, const Labels&);
  explicit Gauge(void* native) : native_(native) {}
  void* native_;
};

class Histogram {
 public:
  void observe(double value);

 private:
  friend Histogram& histogram(const std::string&, const std::string&, const std::vector<double>&,
                              const Labels&);
  explicit Histogram(void* native) : native_(native) {}
  void* native_;
};

// The instrument of that name and those labels; made at the first call, then the same one.
// References live for the process.
Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
// `bounds`: the buckets' upper ends, ascending.
Histogram& histogram(const std::string& name, const std::string& help,
                     const std::vector<double>& bounds, const Labels& labels = {});

// All instruments in the Prometheus text format 0.0.4.
std::string text();

}  // namespace conduit::metrics
