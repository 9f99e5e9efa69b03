// blindtuner._core: the parties of a study of several owners, call for call; python/blindtuner/study.py has their manners.
#include <blindtuner/study.h>
#include <blindtuner/study_server.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding.h"

namespace blindtuner::python {
namespace {

namespace fs = std::filesystem;
using Path = std::optional<fs::path>;
using Passphrase = std::optional<std::string>;

struct StudyHandle {
  explicit StudyHandle(Study of) : study(std::move(of)) {}
  Study study;
  AtWork at_work;
};

struct StudyServerHandle {
  StudyServerHandle(const Context& context, const fs::path& folder, const fs::path& exchange)
      : server(context, folder, exchange) {}
  StudyServer server;
  AtWork at_work;
};

const char* name_of(StudyState state) {
  switch (state) {
    case StudyState::kDue:
      return "due";
    case StudyState::kWaits:
      return "waits";
    case StudyState::kFinished:
      break;
  }
  return "finished";
}

std::string text_of(const StudyStatus& s) {
  std::string out = s.party + ": ";
  if (s.state == StudyState::kFinished) return out + "finished";
  if (s.state == StudyState::kDue) return out + s.phase;
  out += "before it " + s.phase + ", it waits for";
  for (const StudyAwaited& awaited : s.awaits) out += " " + awaited.what;
  return out;
}

py::list awaits_of(const StudyStatus& s) {
  py::list out;
  for (const StudyAwaited& awaited : s.awaits)
    out.append(
        py::dict("from"_a = awaited.from, "what"_a = awaited.what, "state"_a = awaited.state));
  return out;
}

void add_study_values(py::module_& m) {
  using P = StudyPlan;
  py::class_<P>(m, "StudyPlan", "What a study is to be.")
      .def(py::init<>())
      .def_readwrite("name", &P::name)
      .def_readwrite("owners", &P::owners)
      .def_readwrite("classes", &P::classes)
      .def_readwrite("columns", &P::columns)
      .def_readwrite("column_names", &P::column_names)
      .def_readwrite("labels", &P::labels)
      .def_readwrite("identifiers", &P::identifiers)
      .def_readwrite("threshold", &P::threshold)
      .def_readwrite("recipient", &P::recipient)
      .def_readwrite("recipient_alone", &P::recipient_alone)
      .def_readwrite("options", &P::options)
      .def_readwrite("whitening", &P::whitening)
      .def_readwrite("epsilon", &P::epsilon)
      .def_readwrite("encoder", &P::encoder)
      .def_readwrite("parameters", &P::parameters)
      .def_readwrite("validate_every", &P::validate_every)
      .def_readwrite("patience", &P::patience);
  using S = StudyStatus;
  py::class_<S>(m, "StudyStatus", R"(Where a party of a study is.

study, party, fingerprint, session : whose status it is; the fingerprint is empty before all have joined.
state : "due", "waits" or "finished". "due" is a phase that `step` would do, or, of its result, has done.
phase : what is done, or what awaits things.
awaits : dicts of "from" and "what": of another party, or of this one's operator ("fingerprint", "data"); "state" says what of
    it is there, "" that nothing is.
refused : of an owner, why its last step or run ended, where it was refused; else "".
since : when this party last did or heard something.)")
      .def_readonly("study", &S::study)
      .def_readonly("party", &S::party)
      .def_readonly("fingerprint", &S::fingerprint)
      .def_readonly("session", &S::session)
      .def_property_readonly("state", [](const S& s) { return name_of(s.state); })
      .def_readonly("phase", &S::phase)
      .def_property_readonly("awaits", &awaits_of)
      .def_readonly("refused", &S::refused)
      .def_readonly("since", &S::since)
      .def("__repr__", [](const S& s) { return "<" + text_of(s) + ">"; });
}

void add_study_owner(py::module_& m) {
  using H = StudyHandle;
  py::class_<H>(m, "Study", "An owner's part in a study of several.")
      .def_static(
          "create",
          [](const fs::path& folder, const fs::path& exchange, const std::string& owner,
             const StudyPlan& plan, const Passphrase& passphrase,
             const std::optional<Context>& context, const py::object& progress,
             const py::object& warning, const py::object& note) {
            const std::string phrase = passphrase_of(passphrase);
            const OwnerNotices notices = notices_of(progress, warning, note);
            return without_lock([&] {
              return std::make_unique<H>(Study::create(context_of(context), folder, exchange, owner,
                                                       plan, phrase, notices));
            });
          },
          "folder"_a, "exchange"_a, "owner"_a, "plan"_a, py::kw_only(), "passphrase"_a = py::none(),
          "context"_a = py::none(), "progress"_a = py::none(), "warning"_a = py::none(),
          "note"_a = py::none())
      .def_static(
          "join",
          [](const fs::path& folder, const fs::path& exchange, const std::string& owner,
             const Passphrase& passphrase, const std::optional<Context>& context,
             const py::object& progress, const py::object& warning, const py::object& note) {
            const std::string phrase = passphrase_of(passphrase);
            const OwnerNotices notices = notices_of(progress, warning, note);
            return without_lock([&] {
              return std::make_unique<H>(
                  Study::join(context_of(context), folder, exchange, owner, phrase, notices));
            });
          },
          "folder"_a, "exchange"_a, "owner"_a, py::kw_only(), "passphrase"_a = py::none(),
          "context"_a = py::none(), "progress"_a = py::none(), "warning"_a = py::none(),
          "note"_a = py::none())
      .def_static(
          "resume",
          [](const fs::path& folder, const Path& exchange, const Passphrase& passphrase,
             const std::optional<Context>& context) {
            const std::string phrase = passphrase_of(passphrase);
            return without_lock([&] {
              return std::make_unique<H>(Study::resume(context_of(context), folder, phrase,
                                                       exchange.value_or(fs::path())));
            });
          },
          "folder"_a, py::kw_only(), "exchange"_a = py::none(), "passphrase"_a = py::none(),
          "context"_a = py::none())
      .def_property_readonly("owner", [](const H& h) { return h.study.owner(); })
      .def("agreed", [](H& h) { return alone(h, [&] { return h.study.agreed(); }); })
      .def("status", [](H& h) { return alone(h, [&] { return h.study.status(); }); })
      .def(
          "agree",
          [](H& h, const std::string& fingerprint) {
            alone(h, [&] { h.study.agree(fingerprint); });
          },
          "fingerprint"_a)
      .def(
          "class_numbers",
          [](H& h, const std::vector<std::string>& labels) {
            return array_of(alone(h, [&] { return h.study.class_numbers(labels); }));
          },
          "labels"_a)
      .def(
          "contribute",
          [](H& h, const py::object& x, const py::object& y, const py::object& test_x,
             const py::object& test_y, const std::vector<std::string>& identifiers,
             const Path& whitening, const std::vector<std::string>& column_names,
             const py::object& warning, const py::object& note) {
            const std::vector<int> labels = labels_of(y), test_labels = labels_of(test_y);
            const Rows rows = rows_of(x);
            const std::optional<Rows> held =
                test_x.is_none() ? std::nullopt : std::optional<Rows>(rows_of(test_x));
            const DataSet data = set_of(rows, labels);
            const StudyContribution more = {.test = held ? set_of(*held, test_labels) : DataSet{},
                                            .identifiers = identifiers,
                                            .whitening = whitening.value_or(fs::path()),
                                            .column_names = column_names};
            const py::none none;
            const OwnerNotices notices = notices_of(none, warning, note);
            alone(h, [&] { h.study.contribute(data, more, notices); });
          },
          "x"_a, "y"_a = py::none(), py::kw_only(), "test_x"_a = py::none(),
          "test_y"_a = py::none(), "identifiers"_a = std::vector<std::string>(),
          "whitening"_a = py::none(), "column_names"_a = std::vector<std::string>(),
          "warning"_a = py::none(), "note"_a = py::none())
      .def("column_names", [](H& h) { return alone(h, [&] { return h.study.column_names(); }); })
      .def(
          "step",
          [](H& h, const py::object& progress, const py::object& warning, const py::object& note) {
            const OwnerNotices notices = notices_of(progress, warning, note);
            return alone(h, [&] { return h.study.step(notices); });
          },
          py::kw_only(), "progress"_a = py::none(), "warning"_a = py::none(), "note"_a = py::none())
      .def(
          "go_on_without",
          [](H& h, const std::vector<std::string>& owners) {
            alone(h, [&] { h.study.go_on_without(owners); });
          },
          "owners"_a)
      .def("begin_session", [](H& h) { alone(h, [&] { h.study.begin_session(); }); })
      .def("open_model", [](H& h) { return alone(h, [&] { return h.study.open_model(); }); })
      .def("open_report", [](H& h) { return alone(h, [&] { return h.study.open_report(); }); })
      .def("model_file", [](H& h) { return alone(h, [&] { return h.study.model_file(); }); })
      .def("ledger", [](H& h) { return alone(h, [&] { return h.study.ledger(); }); })
      .def(
          "save_partial_scores",
          [](H& h, const fs::path& file, const py::object& x,
             const std::vector<std::string>& identifiers) {
            const Rows rows = rows_of(x);
            alone(h, [&] { h.study.save_partial_scores(file, set_of(rows), identifiers); });
          },
          "file"_a, "x"_a, py::kw_only(), "identifiers"_a = std::vector<std::string>())
      .def(
          "combine_scores",
          [](H& h, const py::object& x, const std::vector<fs::path>& parts,
             const std::vector<std::string>& identifiers) {
            const Rows rows = rows_of(x);
            StudyScores out =
                alone(h, [&] { return h.study.combine_scores(set_of(rows), parts, identifiers); });
            return py::make_tuple(
                std::move(out.scores),
                array_of(std::vector<std::int64_t>(out.rows.begin(), out.rows.end())), out.made);
          },
          "x"_a, "parts"_a, py::kw_only(), "identifiers"_a = std::vector<std::string>());
}

void add_study_server(py::module_& m) {
  using H = StudyServerHandle;
  py::class_<H>(m, "StudyServer", "The server's part in a study of several owners.")
      .def_static(
          "serve",
          [](const fs::path& folder, const fs::path& exchange,
             const std::optional<Context>& context) {
            return without_lock(
                [&] { return std::make_unique<H>(context_of(context), folder, exchange); });
          },
          "folder"_a, "exchange"_a, py::kw_only(), "context"_a = py::none())
      .def("status", [](H& h) { return alone(h, [&] { return h.server.status(); }); })
      .def(
          "step",
          [](H& h, const py::object& progress) {
            const auto told = [&progress](const std::string& task, double fraction) {
              tell(progress, task, fraction);
            };
            return alone(h, [&] { return h.server.step(told); });
          },
          py::kw_only(), "progress"_a = py::none());
}

}  // namespace

void add_study(py::module_& m) {
  add_study_values(m);
  add_study_owner(m);
  add_study_server(m);
}

}  // namespace blindtuner::python
