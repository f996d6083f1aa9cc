import type { RepositoryFile } from "../repository.ts";
import { type Finding, isGenerated, isTest, lineAt, modulesOf, type Rule } from "../rule.ts";
import { childrenOf, type SyntaxNode, walk } from "../syntax.ts";

const FILE_LINES_MAX = 500;
const TEST_FILE_LINES_MAX = 800;
const FUNCTION_LINES_MAX = 70;
const PARAMETERS_MAX = 5;
const LINE_COLUMNS_MAX = 100;

/** Homes of released versions are kept as they were. */
const isKept = (path: string) => /^e2e\/homes\/\d/.test(path);
const isSource = (path: string) =>
  /\.(ts|mts|mjs|py|sql|proto|sh)$/.test(path) && !isGenerated(path) && !isKept(path);

/** A file that grows past this has more than one job. */
export const fileLength: Rule = {
  name: `a file has at most ${FILE_LINES_MAX} lines, a test ${TEST_FILE_LINES_MAX}`,
  check: (repository) =>
    repository.files
      .filter((file) => isSource(file.path))
      .flatMap((file) => {
        const lines = file.text.trimEnd().split("\n").length;
        const linesMax = isTest(file.path) ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
        if (lines <= linesMax) return [];
        return [{ path: file.path, message: `${lines} lines; at most ${linesMax}: cut it up` }];
      }),
};

/** Formatters break code, not comments, strings, SQL or Python; so this is looked at too. */
export const lineLength: Rule = {
  name: `a line has at most ${LINE_COLUMNS_MAX} columns`,
  check: (repository) =>
    repository.files
      .filter((file) => isSource(file.path))
      .flatMap((file) =>
        file.text.split("\n").flatMap((text, index) => {
          const columns = [...text].length;
          if (columns <= LINE_COLUMNS_MAX || isUnbreakable(file.path, text)) return [];
          return [{ path: file.path, line: index + 1, message: `${columns} columns` }];
        }),
      ),
};

/**
 * A function fits on a screen; what needs more than five arguments takes an object. Functions
 * inside it are counted for themselves: a factory may hold many, as a class may.
 */
export const functionSize: Rule = {
  name: `a function has at most ${FUNCTION_LINES_MAX} lines and ${PARAMETERS_MAX} parameters`,
  check: (repository) =>
    modulesOf(repository).flatMap((file) => {
      const findings: Finding[] = [];
      walk(file, (node, parent) => {
        if (!isFunction(node) || isSuite(parent)) return;
        const line = lineAt(file.text, node.start);
        const lines = ownLines(file, node);
        if (lines > FUNCTION_LINES_MAX) {
          findings.push({
            path: file.path,
            line,
            message: `a function of ${lines} lines; at most ${FUNCTION_LINES_MAX}`,
          });
        }
        const parameters = Array.isArray(node.params) ? node.params.length : 0;
        if (parameters > PARAMETERS_MAX) {
          findings.push({
            path: file.path,
            line,
            message: `${parameters} parameters; from ${PARAMETERS_MAX + 1} on take an object`,
          });
        }
      });
      return findings;
    }),
};

function isFunction(node: SyntaxNode): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

function ownLines(file: RepositoryFile, node: SyntaxNode): number {
  const span = (from: SyntaxNode) => lineAt(file.text, from.end) - lineAt(file.text, from.start);
  return nestedFunctions(node).reduce((lines, inner) => lines - span(inner), span(node) + 1);
}

/** The functions directly inside one, not those inside them. */
function nestedFunctions(node: SyntaxNode): SyntaxNode[] {
  return childrenOf(node).flatMap((child) =>
    isFunction(child) ? [child] : nestedFunctions(child),
  );
}

/** `describe(..., () => {...})` only holds tests together. */
function isSuite(parent: SyntaxNode | undefined): boolean {
  if (parent?.type !== "CallExpression") return false;
  const callee = parent.callee;
  return (
    typeof callee === "object" &&
    callee !== null &&
    "name" in callee &&
    (callee.name === "describe" || callee.name === "suite")
  );
}

/**
 * What the formatters leave long because it cannot be broken: an import, a literal, a field with
 * its rules. Comments always can.
 */
function isUnbreakable(path: string, text: string): boolean {
  const isComment = /^\s*(\/\/|\/?\*|#|--)/.test(text);
  if (isComment) return /^\s*(\/\/|\*|#|--)\s*\S+$/.test(text);
  return path.endsWith(".proto") || / from ["'][^"']+["'];$/.test(text) || longLiteral.test(text);
}

const longLiteral = /(["'`/]).{24,}\1/;
