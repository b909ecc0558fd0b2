package dev.nvmed.examples;

import dev.nvmed.client.NvmedException;
import io.grpc.StatusRuntimeException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;

/** Goes through the scenario of clients/conformance, which says what each step does, and prints what each found. */
public final class Conformance {
  private Conformance() {}

  /** A step; it answers what it found. */
  @FunctionalInterface
  interface Step {
    Facts run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    try (Scenario scenario = new Scenario()) {
      for (Map.Entry<String, Step> step : steps(scenario).entrySet()) {
        try {
          System.out.println("ok " + step.getKey() + " " + step.getValue().run());
          System.out.flush();
        } catch (Exception failed) {
          System.out.println("failed " + step.getKey() + ": " + failed);
          System.exit(1);
        }
      }
    }
  }

  private static Map<String, Step> steps(Scenario scenario) {
    Failures failures = new Failures(scenario);
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("connect", scenario::connect);
    steps.put("refuse-anonymous", failures::refuseAnonymous);
    steps.put("list-controllers", scenario::listControllers);
    steps.put("receive-telemetry", scenario::receiveTelemetry);
    steps.put("refuse-damage", failures::refuseDamage);
    steps.put("watch-events", scenario::watchEvents);
    steps.put("resume-events", scenario::resumeEvents);
    steps.put("events-gap", scenario::eventsGap);
    steps.put("upload-image", scenario::uploadImage);
    steps.put("stage-image", scenario::stageImage);
    steps.put("repeat-request", scenario::repeatRequest);
    steps.put("error-request-reused", failures::requestReused);
    steps.put("wait-operation", scenario::waitOperation);
    steps.put("error-not-found", failures::notFound);
    steps.put("error-bad-field", failures::badField);
    steps.put("error-nvme-status", failures::nvmeStatus);
    steps.put("error-operation", failures::operation);
    return steps;
  }

  /** What a call that must fail failed with. */
  static NvmedException failureOf(Step call) throws Exception {
    try {
      call.run();
    } catch (NvmedException failure) {
      return failure;
    } catch (StatusRuntimeException thrown) {
      return NvmedException.of(thrown);
    }
    throw new IllegalStateException("should have failed");
  }

  /** What a step found, each as name=value. */
  static final class Facts {
    private final StringJoiner joined = new StringJoiner(" ");

    static Facts of(String name, Object value) {
      return new Facts().and(name, value);
    }

    /** What every failed call has. */
    static Facts of(NvmedException failure) {
      return of("code", failure.code().value())
          .and("reason", failure.reason())
          .and("request_id", failure.requestId())
          .and("remedy", failure.remedy().replace(' ', '_'));
    }

    Facts and(String name, Object value) {
      joined.add(name + "=" + value);
      return this;
    }

    @Override
    public String toString() {
      return joined.toString();
    }
  }
}
