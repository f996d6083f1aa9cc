/** What can be done here, in the order in which a newcomer needs it. */
const commands: readonly (readonly [string, string])[] = [
  ["npm start", "prepare this machine, start the mesh, run the first example"],
  ["npm start -- --exit", "the same, and stop with that run's outcome"],
  ["npx tidemill --help", "the command line; `npm run tidemill -- ...` is the same"],
  ["npm run check", "the fast loop: format, lint, types, tidy, knip, contract, unit tests"],
  ["npm test", "everything but the long suites; `npm test -- unit e2e` runs only those"],
  ["npm run test:all", "with the long suites"],
  ["npm run format", "format and fix what can be fixed"],
  ["npm run tidy", "house style alone"],
  ["npm run generate", "contract to TypeScript, docs/events.md"],
  ["npm run examples", "compile the examples again with the KFP compiler"],
  ["npm run bench -- NAME", "measure; without a name it lists what there is"],
  ["npm run chaos -- --minutes 10", "kill processes of a mesh at random and check what is left"],
  ["npm run release", "check version and changelog, freeze the contract"],
];

const width = Math.max(...commands.map(([command]) => command.length));
for (const [command, about] of commands) {
  process.stdout.write(`${command.padEnd(width)}  ${about}\n`);
}
