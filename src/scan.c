/*
 * scan.c
 *		Rows of 100ms in a query: the plan node that reads them.
 *
 * PostgreSQL runs a function in FROM to its end before the first row is used.
 * So where _hms_rows stands in FROM, which is where the inlined wrappers put
 * it, the planner is given a node of our own instead: a custom scan that asks
 * for a page when a row of it is wanted, makes only the columns that the query
 * looks at, hands them on without building a tuple, keeps the rows only where
 * they may be read again, and shows in EXPLAIN what it has cost.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "gate.h"
#include "query.h"
#include "row.h"
#include "scan.h"
#include "walk.h"

PG_FUNCTION_INFO_V1(hms_rows);
PG_FUNCTION_INFO_V1(hms_rows_support);

/* _hms_rows(row, endpoint, arguments ...) */
#define ENDPOINT_ARG 1
#define FIRST_ARG 2

/* The number of a Var that is a row as a whole. */
#define WHOLE_ROW 0

typedef struct HmsScan
{
	CustomScanState css;		/* must be first */
	FuncExpr   *call;
	List	   *args;			/* of it, as ExprStates */
	Bitmapset  *params;			/* on which they depend */
	Oid			row_type;		/* of the function's rows */
	bool		is_allowed;		/* EXECUTE was asked when the executor started */
	bool		is_composite;
	TupleDesc	row_desc;		/* one column, where it is not composite */
	AttrNumber *columns;		/* of the function's row, by column of the scan's
								 * tuple */
	HmsQueryUse use;
	HmsRowMaker *maker;			/* from the first walk on */
	const HmsEndpoint *endpoint;	/* that it was made for */
	MemoryContext context;		/* of a walk; reset with it */
	HmsWalk    *walk;			/* NULL: not begun */
	Tuplestorestate *store;		/* rows so far; NULL: they are not kept */
	bool		rereading;		/* the store is read before the walk goes on */
	TupleTableSlot *stored;		/* a row of it */
	TupleTableSlot *joined;		/* a row of the function, when rechecking */
	HmsStats	used;			/* by walks that are over */
} HmsScan;

static set_rel_pathlist_hook_type next_hook = NULL;

static Plan *plan_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
					   List *tlist, List *clauses, List *custom_plans);
static Node *create_scan(CustomScan *plan);
static void begin_scan(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_scan(CustomScanState *node);
static void rescan(CustomScanState *node);
static void end_scan(CustomScanState *node);
static void explain_scan(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomPathMethods path_methods = {
	.CustomName = "hms",
	.PlanCustomPath = plan_scan
};

static const CustomScanMethods plan_methods = {
	.CustomName = "hms",
	.CreateCustomScanState = create_scan
};

static const CustomExecMethods exec_methods = {
	.CustomName = "hms",
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = exec_scan,
	.ReScanCustomScan = rescan,
	.EndCustomScan = end_scan,
	.ExplainCustomScan = explain_scan
};

/* --- planning -------------------------------------------------------------------- */

/* The call of _hms_rows that this entry of FROM is, or NULL. */
static FuncExpr *
scanned_call(const RangeTblEntry *rte)
{
	FuncExpr   *call;
	char	   *name;
	FmgrInfo	function;
	TypeFuncClass type;

	if (rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return NULL;
	call = (FuncExpr *) linitial_node(RangeTblFunction, rte->functions)->funcexpr;
	if (call == NULL || !IsA(call, FuncExpr))
		return NULL;

	/* looking a function up may load its library: not one of somebody else's */
	name = get_func_name(call->funcid);
	if (name == NULL || strcmp(name, "_hms_rows") != 0)
		return NULL;
	fmgr_info(call->funcid, &function);
	if (function.fn_addr != hms_rows)
		return NULL;

	/* a row type that only the query knows is for the function */
	type = get_expr_result_type((Node *) call, NULL, NULL);
	return type == TYPEFUNC_COMPOSITE || type == TYPEFUNC_SCALAR ? call : NULL;
}

/* Put our path in the place of PostgreSQL's, but not of another extension's. */
static void
replace_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	FuncExpr   *call;
	CustomPath *path;
	QualCost	cost;
	ListCell   *cell;

	if (next_hook)
		next_hook(root, rel, rti, rte);
	if (IS_DUMMY_REL(rel) || (call = scanned_call(rte)) == NULL)
		return;

	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.param_info = get_baserel_parampathinfo(root, rel, rel->lateral_relids);
	path->path.rows = path->path.param_info ? path->path.param_info->ppi_rows : rel->rows;
	path->flags = HMS_CUSTOM_PATH_PROJECTS;
	path->methods = &path_methods;

	/* the first page costs what the function does, the rows next to nothing */
	cost_qual_eval_node(&cost, (Node *) call, root);
	path->path.startup_cost = cost.startup + cost.per_tuple +
		rel->baserestrictcost.startup + rel->reltarget->cost.startup;
	path->path.total_cost = path->path.startup_cost + rel->tuples *
		(cpu_tuple_cost + rel->baserestrictcost.per_tuple) +
		path->path.rows * rel->reltarget->cost.per_tuple;

	foreach(cell, rel->pathlist)
	{
		if (((Path *) lfirst(cell))->pathtype == T_FunctionScan)
			rel->pathlist = foreach_delete_current(rel->pathlist, cell);
	}
	add_path(rel, &path->path);
}

/*
 * The scan's tuple has the columns that are looked at and no other: those of
 * its conditions and those that the nodes above may be given ("tlist" may be
 * replaced later).  Its relation is none that could be opened, so it is scanned
 * as a join would be: scanrelid 0, and a target list of our own.  Columns of
 * other relations are parameters by the time that the scan runs.
 */
static Plan *
plan_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans pg_attribute_unused())
{
	CustomScan *plan = makeNode(CustomScan);
	List	   *quals = extract_actual_clauses(clauses, false);
	List	   *looked_at = list_concat_copy(rel->reltarget->exprs, quals);
	List	   *vars = pull_var_clause((Node *) looked_at, PVC_RECURSE_PLACEHOLDERS);
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, vars)
	{
		Var		   *var = lfirst_node(Var, cell);

		if (var->varno == (int) rel->relid && var->varlevelsup == 0)
			columns = list_append_unique(columns, var);
	}
	foreach(cell, columns)
		plan->custom_scan_tlist =
			lappend(plan->custom_scan_tlist,
					makeTargetEntry(lfirst(cell), foreach_current_index(cell) + 1,
									NULL, false));
	plan->scan.plan.targetlist = tlist;
	plan->scan.plan.qual = quals;
	plan->scan.scanrelid = 0;
	plan->flags = path->flags;
	plan->custom_exprs = list_make1(scanned_call(planner_rt_fetch(rel->relid, root)));
	plan->methods = &plan_methods;
	return &plan->scan.plan;
}

void
hms_scan_init(void)
{
	next_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = replace_paths;
	RegisterCustomScanMethods(&plan_methods);
}

/* --- executing --------------------------------------------------------------------- */

static Node *
create_scan(CustomScan *plan)
{
	HmsScan    *scan = (HmsScan *) newNode(sizeof(HmsScan), T_CustomScanState);

	scan->css.methods = &exec_methods;
	scan->call = linitial_node(FuncExpr, plan->custom_exprs);
	return (Node *) scan;
}

typedef struct ParamSearch
{
	const PlannedStmt *statement;
	Bitmapset  *params;
} ParamSearch;

/*
 * Note the parameters of the executor that an expression depends on, those too
 * that a sub-plan takes from further out than its own arguments.
 */
static bool
find_params(Node *node, void *context)
{
	ParamSearch *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		search->params = bms_add_member(search->params, ((Param *) node)->paramid);
	else if (IsA(node, SubPlan))
	{
		const Plan *plan = list_nth(search->statement->subplans,
									((SubPlan *) node)->plan_id - 1);

		search->params = bms_add_members(search->params, plan->extParam);
	}
	return expression_tree_walker(node, find_params, context);
}

/*
 * Note the type of the function's rows, and which of its columns those of the
 * scan's tuple are.  A composite type may have changed since the query was
 * planned.
 */
static void
find_columns(HmsScan *scan)
{
	List	   *targets = ((CustomScan *) scan->css.ss.ps.plan)->custom_scan_tlist;
	TupleDesc	desc;
	ListCell   *cell;

	scan->is_composite = get_expr_result_type((Node *) scan->call, &scan->row_type,
											  &desc) == TYPEFUNC_COMPOSITE;
	if (!scan->is_composite)
	{
		desc = CreateTemplateTupleDesc(1);
		TupleDescInitEntry(desc, 1, NULL, scan->row_type, -1, 0);
	}
	scan->row_desc = BlessTupleDesc(desc);
	scan->columns = palloc(sizeof(AttrNumber) * list_length(targets));
	foreach(cell, targets)
	{
		Var		   *var = castNode(Var, lfirst_node(TargetEntry, cell)->expr);

		if (var->varattno != WHOLE_ROW &&
			(var->varattno > desc->natts ||
			 TupleDescAttr(desc, var->varattno - 1)->attisdropped ||
			 TupleDescAttr(desc, var->varattno - 1)->atttypid != var->vartype))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("type %s has changed since the query was planned",
							format_type_be(scan->row_type))));
		scan->columns[foreach_current_index(cell)] = var->varattno;
	}
}

static void
begin_scan(CustomScanState *node, EState *estate, int eflags)
{
	HmsScan    *scan = (HmsScan *) node;
	const Const *name = list_nth(scan->call->args, ENDPOINT_ARG);
	ParamSearch search = {0};

	if (!hms_may_execute(scan->call->funcid, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION,
					   get_func_name(scan->call->funcid));
	InvokeFunctionExecuteHook(scan->call->funcid);
	if (IsA(name, Const) && !name->constisnull)
	{
		/* asked now, of who begins: a cursor may be fetched from by others */
		hms_gate_check(scan->call->funcid,
					   hms_endpoint(TextDatumGetCString(name->constvalue)));
		scan->is_allowed = true;
	}
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	scan->args = ExecInitExprList(scan->call->args, &node->ss.ps);
	search.statement = estate->es_plannedstmt;
	(void) find_params((Node *) scan->call->args, &search);
	scan->params = search.params;
	find_columns(scan);
	scan->use = hms_query_use(estate->es_plannedstmt, node->ss.ps.plan);
	scan->context = AllocSetContextCreate(estate->es_query_cxt, "hms walk",
										  ALLOCSET_DEFAULT_SIZES);
	if (!scan->use.once)
	{
		scan->store = tuplestore_begin_heap(false, false, work_mem);
		tuplestore_set_eflags(scan->store, EXEC_FLAG_REWIND);
		scan->stored = ExecInitExtraTupleSlot(estate,
											  node->ss.ss_ScanTupleSlot->tts_tupleDescriptor,
											  &TTSOpsMinimalTuple);
	}
	if (estate->es_epq_active)
		scan->joined = ExecInitExtraTupleSlot(estate, scan->row_desc, &TTSOpsVirtual);
}

/* The maker of the function's rows: only columns that the query looks at. */
static HmsRowMaker *
make_maker(HmsScan *scan, const HmsEndpoint *endpoint)
{
	int			ncolumns = scan->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor->natts;
	MemoryContext old = MemoryContextSwitchTo(scan->css.ss.ps.state->es_query_cxt);
	bool	   *wanted = palloc0(sizeof(bool) * scan->row_desc->natts);
	HmsRowMaker *maker;

	for (int i = 0; i < ncolumns; i++)
	{
		if (scan->columns[i] == WHOLE_ROW)
			memset(wanted, true, sizeof(bool) * scan->row_desc->natts);
		else
			wanted[scan->columns[i] - 1] = true;
	}
	maker = hms_row_maker(scan->row_type, scan->is_composite ? scan->row_desc : NULL,
						  endpoint->shape, wanted);
	MemoryContextSwitchTo(old);
	return maker;
}

/* Begin a walk with the arguments as they are now; false: there are no rows. */
static bool
begin_walk(HmsScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	ExprContext *econtext = scan->css.ss.ps.ps_ExprContext;
	int			nargs = list_length(scan->args) - FIRST_ARG;
	HmsArg		args[HMS_MAX_PARAMS];
	Datum		name;
	bool		isnull;
	const char *endpoint;
	HmsRequest *request;

	name = ExecEvalExpr(list_nth(scan->args, ENDPOINT_ARG), econtext, &isnull);
	endpoint = isnull ? NULL : TextDatumGetCString(name);
	hms_gate_check_count(endpoint, nargs, scan->call->funcvariadic);
	for (int i = 0; i < nargs; i++)
	{
		args[i].type = exprType(list_nth(scan->call->args, i + FIRST_ARG));
		args[i].value = ExecEvalExpr(list_nth(scan->args, i + FIRST_ARG), econtext,
									 &args[i].isnull);
	}
	request = hms_gate_request(scan->call->funcid, endpoint, args, nargs,
							   scan->is_allowed);
	if (request && (scan->maker == NULL || scan->endpoint != request->endpoint))
	{
		scan->maker = make_maker(scan, request->endpoint);
		scan->endpoint = request->endpoint;
	}
	if (request)
		scan->walk = hms_walk_open(request, scan->maker,
								   scan->use.reads == HMS_READS_ALL);
	MemoryContextSwitchTo(old);
	return request != NULL;
}

/* Put a row of the function into the scan's slot, which points to its values. */
static void
store_row(const HmsScan *scan, TupleTableSlot *slot, Datum *values, bool *nulls)
{
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		AttrNumber	column = scan->columns[i];

		slot->tts_isnull[i] = column != WHOLE_ROW && nulls[column - 1];
		slot->tts_values[i] = column != WHOLE_ROW ? values[column - 1] :
			HeapTupleGetDatum(heap_form_tuple(scan->row_desc, values, nulls));
	}
	ExecStoreVirtualTuple(slot);
}

/* The next row that was kept; false when the walk must go on. */
static bool
reread_row(HmsScan *scan, TupleTableSlot *slot)
{
	if (!tuplestore_gettupleslot(scan->store, true, false, scan->stored))
	{
		scan->rereading = false;
		return false;
	}
	slot_getallattrs(scan->stored);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_values[i] = scan->stored->tts_values[i];
		slot->tts_isnull[i] = scan->stored->tts_isnull[i];
	}
	ExecStoreVirtualTuple(slot);
	return true;
}

/* The next row of the function, before any condition of the query. */
static TupleTableSlot *
next_row(ScanState *node)
{
	HmsScan    *scan = (HmsScan *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;
	MemoryContext old;
	HmsRows    *rows;
	int			row;

	ExecClearTuple(slot);
	if (scan->rereading && reread_row(scan, slot))
		return slot;
	if (scan->walk == NULL)
	{
		if (!begin_walk(scan))
			return slot;
	}
	else if (scan->use.reads == HMS_READS_REST)
		hms_walk_go_ahead(scan->walk);

	old = MemoryContextSwitchTo(node->ps.ps_ExprContext->ecxt_per_tuple_memory);
	rows = hms_walk_next(scan->walk, &row);
	if (rows)
	{
		store_row(scan, slot, hms_rows_values(rows, row), hms_rows_nulls(rows, row));
		if (scan->store)
			tuplestore_puttupleslot(scan->store, slot);
	}
	MemoryContextSwitchTo(old);
	return slot;
}

/*
 * A row of another table has changed under a query that locks or updates it,
 * and is being looked at again: ours is the one that it was joined to before.
 */
static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	HmsScan    *scan = (HmsScan *) node;
	EPQState   *epq = node->ps.state->es_epq_active;
	int			rti = bms_singleton_member(((CustomScan *) node->ps.plan)->custom_relids);
	TupleTableSlot *joined = scan->joined;

	if (epq->relsubs_rowmark[rti - 1] == NULL)
		return !TupIsNull(next_row(node));	/* it stands in a subquery */
	if (epq->relsubs_done[rti - 1])
		return false;
	epq->relsubs_done[rti - 1] = true;
	if (!EvalPlanQualFetchRowMark(epq, rti, joined))
		return false;
	slot_getallattrs(joined);
	ExecClearTuple(slot);
	store_row(scan, slot, joined->tts_values, joined->tts_isnull);
	return true;
}

static TupleTableSlot *
exec_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

/* Forget the walk, which ends its requests. */
static void
end_walk(HmsScan *scan)
{
	if (scan->walk)
		hms_stats_add(&scan->used, hms_walk_stats(scan->walk));
	scan->walk = NULL;
	scan->rereading = false;
	MemoryContextReset(scan->context);
	if (scan->store)
		tuplestore_clear(scan->store);
}

static void
rescan(CustomScanState *node)
{
	HmsScan    *scan = (HmsScan *) node;

	ExecScanReScan(&node->ss);
	if (scan->walk == NULL)
		return;
	if (scan->store == NULL || bms_overlap(node->ss.ps.chgParam, scan->params))
		end_walk(scan);
	else
	{
		tuplestore_rescan(scan->store);
		scan->rereading = true;
	}
}

static void
end_scan(CustomScanState *node)
{
	HmsScan    *scan = (HmsScan *) node;

	if (scan->context)
		MemoryContextDelete(scan->context);
	if (scan->store)
		tuplestore_end(scan->store);
}

static void
explain_scan(CustomScanState *node, List *ancestors, ExplainState *es)
{
	HmsScan    *scan = (HmsScan *) node;
	Node	   *endpoint = list_nth(scan->call->args, ENDPOINT_ARG);
	HmsStats	used = scan->used;

	if (IsA(endpoint, Const) && !((Const *) endpoint)->constisnull)
		ExplainPropertyText("Endpoint",
							TextDatumGetCString(((Const *) endpoint)->constvalue), es);
	if (es->verbose)
	{
		List	   *context = set_deparse_context_plan(es->deparse_cxt,
													  node->ss.ps.plan, ancestors);

		ExplainPropertyText("Function Call",
							deparse_expression((Node *) scan->call, context, true, false),
							es);
	}
	if (!es->analyze)
		return;
	if (scan->walk)
		hms_stats_add(&used, hms_walk_stats(scan->walk));
	ExplainPropertyInteger("Requests", NULL, used.requests, es);
	if (used.retries > 0)
		ExplainPropertyInteger("Retries", NULL, used.retries, es);
	ExplainPropertyInteger("Pages", NULL, used.pages, es);
	ExplainPropertyInteger("Bytes", NULL, used.bytes, es);
	if (es->timing)
		ExplainPropertyFloat("Waited", "ms", used.usec_waited / 1000.0, 3, es);
}

/* --- as a function, where the node cannot stand ------------------------------------ */

/* _hms_rows(row anyelement, endpoint text, VARIADIC "any") */
Datum
hms_rows(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	HmsRows    *rows;
	int			row;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		HmsRequest *request;
		HmsArg		args[HMS_MAX_PARAMS];

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		request = hms_gate_request_of_call(fcinfo, args);
		if (request)
			context->user_fctx =
				hms_walk_open(request,
							  hms_row_maker_of_call(fcinfo, request->endpoint->shape),
							  false);
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	rows = context->user_fctx ? hms_walk_next(context->user_fctx, &row) : NULL;
	if (rows == NULL)
		SRF_RETURN_DONE(context);
	SRF_RETURN_NEXT(context, hms_rows_datum(rows, row));
}

/*
 * _hms_rows_support(internal): an endpoint that answers one object returns one
 * row; for lists the declared ROWS stand.
 */
Datum
hms_rows_support(PG_FUNCTION_ARGS)
{
	Node	   *node = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *request = (SupportRequestRows *) node;
	Const	   *name;

	if (!IsA(node, SupportRequestRows) || !is_funcclause(request->node))
		PG_RETURN_POINTER(NULL);
	name = lsecond(((FuncExpr *) request->node)->args);
	if (!IsA(name, Const) || name->constisnull ||
		hms_endpoint(TextDatumGetCString(name->constvalue))->rows != NULL)
		PG_RETURN_POINTER(NULL);
	request->rows = 1;
	PG_RETURN_POINTER(node);
}
