// What the other engine says of cases: reads one JSON object a line, and writes it with `expected`.
//
// Of the engine only its analysis of resource policies is asked: a bucket policy by itself. That an
// account's principal still needs an identity policy of the account's own is another question.

import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const modules = join(process.argv[2], 'node_modules/@cloud-copilot')
const load = (path) => import(pathToFileURL(join(modules, path)))
const { analyzeResourcePolicy } = await load('iam-simulate/dist/esm/core_engine/CoreSimulatorEngine.js')
const { AwsRequestImpl } = await load('iam-simulate/dist/esm/request/request.js')
const { RequestContextImpl } = await load('iam-simulate/dist/esm/requestContext.js')
const { DiscoveryContextKeyConstraints } = await load(
  'iam-simulate/dist/esm/context_keys/discoveryContextKeyConstraints.js'
)
const { loadPolicy } = await load('iam-policy/dist/esm/index.js')

const parameters = {
  simulationMode: 'Strict',
  discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([])
}

const VERDICTS = {
  Allowed: 'Allowed',
  AllowedForAccount: 'Allowed',
  ExplicitlyDenied: 'ExplicitlyDenied',
  DeniedForAccount: 'ExplicitlyDenied',
  ImplicitlyDenied: 'ImplicitlyDenied',
  NotApplicable: 'ImplicitlyDenied'
}

function verdict({ policy, request }) {
  const principal = request.principal === '*' ? { type: 'Anonymous' } : request.principal
  const resource = { resource: request.resource, accountId: '111122223333' }
  const context = new RequestContextImpl(request.context)
  const asked = new AwsRequestImpl(principal, resource, request.action, context)
  const { result } = analyzeResourcePolicy(loadPolicy(policy, { name: 'policy' }), asked, false, parameters)
  // A statement about one account is no less a Deny for an Allow that names the caller.
  return VERDICTS[result]
}

const answered = []
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  answered.push(JSON.stringify({ ...asked, expected: verdict(asked) }))
}
process.stdout.write(answered.join('\n') + '\n')
