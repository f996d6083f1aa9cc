export * from "./contract-client.ts";
export {
  type ContractSamples,
  type ContractServer,
  type ContractSuiteOptions,
  runContractSuite,
} from "./contract-suite.ts";
