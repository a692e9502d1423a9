---@meta
-- The types of the protocol and of this plugin, for editors that read LuaCATS annotations.

error('this file is for language servers: it is not to be run')

---@class lowtide.Status
---@field version string
---@field health 'ok'|'warning'|'error'
---@field message string
---@field state 'idle'|'scanning'|'indexing'|'paused'|'waiting'
---@field quiescent boolean
---@field memory lowtide.StatusMemory
---@field ladder lowtide.Ladder
---@field progress? { done: integer, total: integer, file: string }
---@field workspaces lowtide.Workspace[]

---@class lowtide.StatusMemory
---@field budgetBytes integer
---@field budgetFrom? string who has set it; 'default' when nobody has
---@field usedBytes integer
---@field peakBytes integer
---@field mappedBytes integer
---@field processes { role: string, pid: integer, anonBytes: integer }[]

---@class lowtide.Ladder
---@field step 'full'|'smaller-batches'|'one-worker'|'lexical-only'|'paused'
---@field reason string

---@class lowtide.Workspace
---@field rootUri string
---@field files integer
---@field symbols integer
---@field chunks integer
---@field vectors integer
---@field diskBytes integer
---@field pending integer
---@field stale integer
---@field skipped integer
---@field failed integer
---@field quarantined integer
---@field incomplete boolean
---@field freshness? lowtide.Freshness without its age

---@class lowtide.MemoryNode
---@field name string
---@field bytes integer
---@field children? lowtide.MemoryNode[]
---@field mappedBytes? integer at the root

---@class lowtide.Hit
---@field uri string
---@field range lsp.Range
---@field kind? string
---@field name? string
---@field container? string
---@field score number
---@field snippet string
---@field signals table
---@field weak? boolean it is the best there is, and likely no answer
---@field snippetLine? integer where the snippet begins
---@field definition? { range: lsp.Range, signature: string } what the hit is named after
---@field remote? lowtide.Remote it is no file here, and its snippet is a signature

---@class lowtide.Remote where a hit of the team's index is
---@field repository string
---@field commit string
---@field path string
---@field ageS number since the commit was made
---@field url string where people can read it; empty where nobody has said

---@class lowtide.SearchAnswer
---@field hits lowtide.Hit[]
---@field degraded? string
---@field staleFiles integer
---@field tookMs number
---@field freshness? lowtide.Freshness an older server does not tell it

---@class lowtide.Freshness how an answer stands to the disk
---@field state 'current'|'checking'|'indexing'|'incomplete'|'unwatched'
---@field indexed integer
---@field total integer
---@field ageS? number seconds since all files were last compared with the disk
---@field reason string

---@class lowtide.Item an answer as pickers show it
---@field uri string
---@field range lsp.Range
---@field encoding string the client's position encoding
---@field path string absolute
---@field shown string relative to the workspace
---@field location string `shown:lnum`
---@field lnum integer from 1
---@field end_lnum integer inclusive
---@field col integer from 1
---@field kind? string
---@field name? string
---@field container? string
---@field score? number
---@field snippet? string
---@field weak? boolean
---@field remote? lowtide.Remote it is no file here
---@field head? string the first line of the snippet that is not blank
---@field text string name, kind and container, else the first line of the snippet
---@field spans lowtide.Span[] the label with its groups, and what matches
---@field label string text, location, and the mark of a weak answer

---@class lowtide.Progress
---@field title? string
---@field message? string
---@field percentage? integer
---@field cancellable? boolean

---@class lowtide.SearchOptions
---@field query? string
---@field limit? integer
---@field mode? 'hybrid'|'semantic'|'lexical'
---@field languages? string[]
---@field globs? string[]
---@field kinds? string[]
---@field quickfix? boolean into the quickfix list
---@field picker? string instead of the option `picker`
---@field first? integer these lines are the query when there is none
---@field last? integer

---@class lowtide.SimilarOptions
---@field first? integer from 1
---@field last? integer inclusive
---@field limit? integer
---@field quickfix? boolean
---@field picker? string
