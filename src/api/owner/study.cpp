#include <blindtuner/study.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "api/common/state.h"
#include "api/common/study_status.h"
#include "api/common/training_options.h"
#include "api/owner/samples.h"
#include "api/owner/shared.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/secret_bytes.h"
#include "features/samples/class_names.h"
#include "io/kept_file.h"
#include "learn/reference/metrics.h"
#include "party/owner/data_checks.h"
#include "party/owner/study/gain.h"
#include "party/owner/study/leaving_out.h"
#include "party/owner/study/partial_scores.h"
#include "party/owner/study/study_place.h"
#include "party/owner/study/study_training.h"
#include "party/study/draft.h"
#include "secret/private_file.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

records::StudyDraft draft_of(const StudyPlan& plan, const std::string& coordinator) {
  records::StudyDraft d;
  d.name = plan.name;
  d.owners = plan.owners;
  d.coordinator = coordinator;
  for (const std::string& name : plan.classes) d.classes.push_back(features::class_name(name));
  if (!plan.labels.empty()) d.layout = records::StudyDraft::Layout::kColumns;
  d.labels = plan.labels;
  d.identifiers = plan.identifiers;
  d.threshold = plan.threshold == d.owners.size() ? 0 : plan.threshold;
  d.recipient = plan.recipient;
  d.recipient_alone = plan.recipient_alone;
  d.columns = plan.columns;
  d.column_names = plan.column_names;
  d.parameters = plan.parameters.empty() ? records::StudyDraft::parameters_for(plan.owners.size())
                                         : plan.parameters;
  d.config =
      config_of(plan.options, std::min<std::size_t>(plan.classes.size(), records::kMaxClasses));
  d.circuit = circuit_of(plan.options, d.config).name;
  party::set_whitening(d, plan.whitening, plan.epsilon);
  party::require_fit(d, plan.whitening);
  d.validate_every = plan.validate_every;
  d.patience = plan.patience;
  if (!plan.encoder.empty()) d.encoder = file_digest(plan.encoder);
  d.validate();
  party::require_useful(d);
  return d;
}

/// Numbered as the study's classes are.
features::Dataset copy_of(const DataSet& data, const records::StudyDraft& draft, bool labelled,
                          const std::string& name) {
  features::Dataset out;
  out.features = matrix_of(data);
  if (out.features.rows() == 0) throw DataError(name + ": there are none");
  if (labelled != !data.labels.empty())
    throw DataError(name + (labelled ? ": without labels, which this owner has in the study"
                                     : ": labels, which another owner has in the study"));
  out.classes = static_cast<int>(draft.classes.size());
  out.class_names = draft.classes;
  out.feature_names = draft.column_names;
  if (!labelled) {
    features::validate_finite(out.features, name);
    return out;
  }
  require(data.labels.size() == data.samples(), "as many labels as samples");
  out.labels.assign(data.labels.begin(), data.labels.end());
  features::validate_set(out, name);
  return out;
}

/// Of rows, whose the study has them.
std::vector<std::string> ids_of(const std::vector<std::string>& identifiers,
                                const features::Dataset& rows, const records::StudyDraft& draft) {
  if (identifiers.empty()) return {};
  if (!draft.identifiers) throw DataError("identifiers: the study matches no rows by them");
  require(identifiers.size() == static_cast<std::size_t>(rows.features.rows()),
          "as many identifiers as rows");
  return identifiers;
}

/// What the owner says that they are called.
void name_columns(features::Dataset& rows, const std::vector<std::string>& names,
                  const records::StudyDraft& draft) {
  if (names.empty()) return;
  require(names.size() == rows.width(), "as many names of columns as columns");
  if (!draft.column_names.empty() && names != draft.column_names)
    throw DataError(
        "the rows' columns are called otherwise than the study's, or are in another "
        "order");
  rows.feature_names = names;
}

}  // namespace

struct Study::State {
  /// The owner with all of its phases.
  struct Party {
    Party(party::StudyOwnerOptions options, std::function<party::StudyData()> data)
        : owner(std::move(options)), training(owner, std::move(data)) {}

    StudyStatus status(const party::Advance& where) {
      StudyStatus out = status_of(owner, where, owner.fingerprint());
      out.refused = party::last_refusal(owner.exchange().folder());
      return out;
    }

    party::StudyOwner owner;
    party::StudyTraining training;
  };

  State(Context where, party::StudyPlace at, SecretBytes words)
      : context(std::move(where)), place(std::move(at)), passphrase(std::move(words)) {}

  Context context;
  party::StudyPlace place;
  SecretBytes passphrase;     ///< empty: none
  std::string fingerprint{};  ///< as it was heard
  std::vector<std::string> without{};
  std::shared_ptr<const party::StudyData> data{};
  const OwnerNotices* notices = nullptr;  ///< of the call at work
  std::optional<Party> party{};           ///< once it has stepped

  fs::path identity() const { return place.folder / "identity"; }

  party::StudyOwnerOptions options(bool changes) {
    party::StudyOwnerOptions out;
    out.name = place.name;
    out.folder = place.folder;
    out.channel = party::study_channel(place, changes);
    out.allow_insecure = context.allows_insecure();
    out.changes = changes;
    out.passphrase_at_hand = !passphrase.empty();
    if (!passphrase.empty()) out.passphrase = [this] { return secret_copy(passphrase.span()); };
    out.new_passphrase = [this] { return secret_copy(passphrase.span()); };
    out.fingerprint = fingerprint;
    out.without = without;
    const auto pass_on = [this](auto OwnerNotices::*member) {
      return [this, member](const auto&... told) {
        if (notices->*member) (notices->*member)(told...);
      };
    };
    out.listener = {pass_on(&OwnerNotices::warning), pass_on(&OwnerNotices::note),
                    pass_on(&OwnerNotices::progress)};
    return out;
  }

  /// Calls `work` with the owner that changes things.
  template <typename Work>
  auto at_work(const OwnerNotices& told, const Work& work) {
    try {
      notices = &told;
      if (!party) {
        std::function<party::StudyData()> rows;
        if (data) rows = [this] { return in_order(); };
        party.emplace(options(true), std::move(rows));
      }
      return work(*party);
    } catch (...) {
      // As after a kill: what is at hand follows from folder and exchange.
      party.reset();
      throw;
    }
  }
  /// Calls `work` with one that only looks, where none is at work here.
  template <typename Work>
  auto look(const Work& work) {
    if (party) return work(*party);
    static const OwnerNotices nobody;
    notices = &nobody;
    Party looks(options(false),
                []() -> party::StudyData { throw ContractError("who only looks gives no data"); });
    return work(looks);
  }

  records::StudyDraft draft() {
    return look([](Party& p) {
      std::optional<records::StudyDraft> out = p.owner.draft();
      if (!out)
        throw DataError(
            "there is no study in the exchange yet, of which the coordinator writes "
            "down what it is");
      return *std::move(out);
    });
  }
  void require_opened(Party& p) {
    const party::Advance where = p.owner.next();
    if (where.kind != party::Advance::Kind::kFinished)
      throw DataError("the model is not opened yet: before it " + where.phase);
    if (!path_exists(p.owner.report_path()))
      throw DataError(party::recipient_words(p.owner.manifest().draft));
  }
  /// Rows that are to have scores.
  features::Dataset scored(const DataSet& rows, const std::vector<std::string>& identifiers) {
    const records::StudyDraft plan = draft();
    features::Dataset out = copy_of({rows.features, rows.width, {}}, plan, false, "rows");
    out.ids = ids_of(identifiers, out, plan);
    return out;
  }

 private:
  party::StudyData in_order() {
    party::StudyData out = *data;
    out.train = party::in_study_order(std::move(out.train), party->owner);
    return out;
  }
};

Study::Study(std::unique_ptr<State> state) : state_(std::move(state)) {}
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;
Study::~Study() = default;

Study::State& Study::state() const {
  require(state_ != nullptr, "a study that was moved from");
  return *state_;
}

Study Study::create(const Context& context, const fs::path& folder, const fs::path& exchange,
                    const std::string& owner, const StudyPlan& plan, std::string_view passphrase,
                    const OwnerNotices& notices) {
  const UseContext use(context);
  const records::StudyDraft draft = draft_of(plan, owner);
  for (const std::string& note : party::notes_on(draft)) listener_of(notices).tell(note);
  (void)records::study_parameters(draft, context.allows_insecure());
  party::StudyPlace place{absolute_path(folder), absolute_path(exchange), owner};
  party::write_study_place(place);
  make_folder(place.exchange);
  Study out = resume(context, folder, passphrase, exchange);
  out.state().at_work(notices, [&](auto& p) { p.owner.create(draft); });
  (void)out.step(notices);
  return out;
}

Study Study::join(const Context& context, const fs::path& folder, const fs::path& exchange,
                  const std::string& owner, std::string_view passphrase,
                  const OwnerNotices& notices) {
  const UseContext use(context);
  const party::StudyPlace place{absolute_path(folder), absolute_path(exchange), owner};
  party::require_exchange_folder(place);
  {
    party::StudyOwnerOptions looks;
    looks.name = owner;
    looks.folder = place.folder;
    looks.channel = party::study_channel(place, false);
    looks.allow_insecure = context.allows_insecure();
    looks.changes = false;
    party::StudyOwner(std::move(looks)).require_part();
  }
  party::write_study_place(place);
  Study out = resume(context, folder, passphrase, exchange);
  (void)out.step(notices);
  out.state().look([&](auto& p) {
    const std::optional<records::StudyDraft> draft = p.owner.draft();
    if (draft && draft->by_threshold()) listener_of(notices).tell(party::threshold_words(*draft));
  });
  return out;
}

Study Study::resume(const Context& context, const fs::path& folder, std::string_view passphrase,
                    const fs::path& exchange) {
  const UseContext use(context);
  party::StudyPlace place = party::read_study_place(absolute_path(folder));
  if (!exchange.empty()) place.exchange = absolute_path(exchange);
  auto state = std::make_unique<State>(context, std::move(place), secret_of(passphrase));
  if (!passphrase.empty() && path_exists(state->identity()) &&
      !secret::private_sealed(state->identity()))
    throw DataError(quoted_path(state->identity()) + ": is under no passphrase, and one was given");
  return Study(std::move(state));
}

const std::string& Study::owner() const { return state().place.name; }

std::string Study::agreed() const {
  State& s = state();
  const UseContext use(s.context);
  return s.look([](auto& p) {
    const std::optional<records::StudyDraft> draft = p.owner.draft();
    return draft ? json_text(records::to_json(*draft)) : std::string();
  });
}

StudyStatus Study::status() const {
  State& s = state();
  const UseContext use(s.context);
  return s.look([](auto& p) { return p.status(p.owner.next()); });
}

void Study::agree(const std::string& fingerprint) {
  State& s = state();
  const UseContext use(s.context);
  s.look([&](auto& p) { p.owner.require_fingerprint(fingerprint); });
  s.fingerprint = fingerprint;
  s.party.reset();
}

std::vector<int> Study::class_numbers(const std::vector<std::string>& labels) const {
  State& s = state();
  const UseContext use(s.context);
  features::LabelWords words;
  for (std::size_t i = 0; i < labels.size(); ++i)
    words.add(labels[i], [&] { return "label " + std::to_string(i); });
  return features::number_labels(words, {.names = s.draft().classes}).labels;
}

std::vector<std::string> Study::column_names() const {
  State& s = state();
  const UseContext use(s.context);
  return s.look([](auto& p) {
    return p.owner.draft() ? p.training.column_names() : std::vector<std::string>();
  });
}

void Study::contribute(const DataSet& rows, const StudyContribution& more,
                       const OwnerNotices& notices) {
  State& s = state();
  const UseContext use(s.context);
  const records::StudyDraft draft = s.draft();
  if (draft.recipient == s.place.name)
    throw DataError("the recipient of a study has no data in it");
  const bool by_rows = draft.layout == records::StudyDraft::Layout::kRows;
  const bool labelled = party::has_labels(draft, s.place.name);
  auto data = std::make_shared<party::StudyData>();
  data->train = copy_of(rows, draft, labelled, "rows");
  data->train.ids = ids_of(more.identifiers, data->train, draft);
  party::require_study_rows(draft, s.place.name, data->train);
  name_columns(data->train, more.column_names, draft);
  const party::Listener listener = listener_of(notices);
  nlohmann::json said;
  party::tell_of_training_set(data->train, "the rows", party::part_of(draft), said, listener);
  if (!more.test.features.empty() || !more.test.labels.empty()) {
    if (!by_rows)
      throw DataError("test: in a study of columns no owner can judge the model by itself");
    data->held_out = copy_of(more.test, draft, labelled, "test");
    party::hold_test_rows(draft, s.place.name, *data, "test", listener);
  }
  data->map = party::named_map(draft, more.whitening);
  // What is amiss with them is told while keys are not yet made.
  if (!s.look([](auto& p) { return path_exists(p.training.told_path()); }))
    party::require_trainable(draft, *records::study_parameters(draft, s.context.allows_insecure()),
                             *data);
  s.data = std::move(data);
  s.party.reset();
}

StudyStatus Study::step(const OwnerNotices& notices) {
  State& s = state();
  const UseContext use(s.context);
  return s.at_work(notices, [&s](auto& p) {
    try {
      const party::Advance where = p.owner.step();
      party::write_refusal(s.place.folder, {});
      return p.status(where);
    } catch (const DataError& error) {
      party::write_refusal(s.place.folder, error.what());
      throw;
    }
  });
}

void Study::go_on_without(const std::vector<std::string>& owners) {
  State& s = state();
  const UseContext use(s.context);
  s.look([&](auto& p) { party::require_can_go_on_without(p.owner, owners); });
  s.without = owners;
  s.party.reset();
}

void Study::begin_session() {
  State& s = state();
  const UseContext use(s.context);
  s.at_work({}, [](auto& p) { p.owner.begin_session(); });
}

LinearModel Study::open_model() const {
  State& s = state();
  const UseContext use(s.context);
  return s.look([&](auto& p) {
    s.require_opened(p);
    LinearModel out = linear_model_of(party::load_classifier(p.owner.model_path()).classifier);
    const fs::path file = p.owner.report_path();
    const nlohmann::json report = read_json(file);
    out.steps = JsonIn(report, quoted_path(file)).at("steps").as<int>();
    out.complete = true;
    return out;
  });
}

std::string Study::open_report() const {
  State& s = state();
  const UseContext use(s.context);
  return s.look([&](auto& p) {
    s.require_opened(p);
    return json_text(read_json(p.owner.report_path()));
  });
}

fs::path Study::model_file() const {
  State& s = state();
  const UseContext use(s.context);
  return s.look([&](auto& p) {
    s.require_opened(p);
    return p.owner.model_path();
  });
}

Ledger Study::ledger() const {
  State& s = state();
  const UseContext use(s.context);
  return s.look([](auto& p) {
    const secret::OwnerKeys keys = p.owner.own_keys();
    return ledger_of(secret::Disclosure(keys, p.owner.session_folder()));
  });
}

void Study::save_partial_scores(const fs::path& file, const DataSet& rows,
                                const std::vector<std::string>& identifiers) {
  State& s = state();
  const UseContext use(s.context);
  const features::Dataset given = s.scored(rows, identifiers);
  io::require_replaceable(file);
  s.at_work({}, [&](auto& p) {
    party::save_partial_scores(file, party::partial_scores(p.owner, p.training, given));
  });
}

StudyScores Study::combine_scores(const DataSet& rows, const std::vector<fs::path>& parts,
                                  const std::vector<std::string>& identifiers) {
  State& s = state();
  const UseContext use(s.context);
  const features::Dataset given = s.scored(rows, identifiers);
  return s.at_work({}, [&](auto& p) {
    const party::JoinedScores joined = party::combined_scores(p.owner, p.training, given, parts);
    nlohmann::json judgement = nlohmann::json::object();
    party::judge_logits(judgement, party::load_classifier(p.owner.model_path()).limit,
                        reference::largest_logit(joined.scores), "on these rows");
    return StudyScores{scores_of(joined.scores, judgement), joined.rows, joined.made};
  });
}

}  // namespace blindtuner
