/*
 * scan.c
 *		Rows of 100ms in a query: the plan node that reads them.
 *
 * PostgreSQL runs a function in FROM to its end before the first row is used.
 * So where _hms_rows stands in FROM, which is where the inlined wrappers put
 * it, the planner is given a node of our own instead: a custom scan, which is a
 * thin front of the reader.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "filters.h"
#include "gate.h"
#include "paths.h"
#include "reader.h"
#include "row.h"
#include "scan.h"
#include "walk.h"

PG_FUNCTION_INFO_V1(hms_rows);
PG_FUNCTION_INFO_V1(hms_rows_support);

/* _hms_rows(row, endpoint, arguments ...) */
#define ENDPOINT_ARG 1

typedef struct HmsScan
{
	CustomScanState css;		/* must be first */
	HmsReader  *reader;
	TupleTableSlot *joined;		/* a row of the function, when rechecking */
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

/* What the planner has to know of the list that a call reads. */
static HmsList *
list_of(RelOptInfo *rel, FuncExpr *call)
{
	const Const *name = list_nth(call->args, ENDPOINT_ARG);
	HmsList    *list = palloc0(sizeof(HmsList));
	TupleDesc	desc;

	list->rel = rel;
	if (IsA(name, Const) && !name->constisnull)
		list->endpoint = hms_endpoint(TextDatumGetCString(name->constvalue));
	if (list->endpoint == NULL ||
		get_expr_result_type((Node *) call, NULL, &desc) != TYPEFUNC_COMPOSITE)
		return list;
	list->columns = palloc0(sizeof(char *) * desc->natts);
	list->ncolumns = desc->natts;
	list->given = hms_reader_given(list->endpoint, call);
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			list->columns[i] = pstrdup(NameStr(TupleDescAttr(desc, i)->attname));
	}
	return list;
}

/* A path that takes what it needs from these other relations. */
static void
add_scan_path(PlannerInfo *root, const HmsList *list, Relids outer)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->flags = HMS_CUSTOM_PATH_PROJECTS;
	path->methods = &path_methods;
	hms_path_fill(root, list, &path->path, outer);
	add_path(list->rel, &path->path);
}

/*
 * Give the entry of FROM the alias that the query has for it instead of the one
 * in the wrapper's body, for EXPLAIN.  Inlining has left the query's own entry
 * behind, emptied; where several have the same columns, the wrappers' entries
 * came in the same order.
 */
static void
take_alias(const PlannerInfo *root, RangeTblEntry *rte)
{
	int			before = 0;
	ListCell   *cell;

	foreach(cell, root->parse->rtable)
	{
		RangeTblEntry *other = lfirst_node(RangeTblEntry, cell);

		if (other == rte)
			break;
		if (other->rtekind == RTE_FUNCTION && scanned_call(other) &&
			equal(other->eref->colnames, rte->eref->colnames))
			before++;
	}
	foreach(cell, root->parse->rtable)
	{
		const RangeTblEntry *other = lfirst_node(RangeTblEntry, cell);

		if (other->rtekind != RTE_SUBQUERY || other->subquery != NULL ||
			!equal(other->eref->colnames, rte->eref->colnames) || before-- > 0)
			continue;
		rte->eref = copyObject(rte->eref);
		rte->eref->aliasname = other->eref->aliasname;
		rte->alias = makeAlias(other->eref->aliasname, NIL);
		return;
	}
}

/* Put our paths in the place of PostgreSQL's, but not of another extension's. */
static void
replace_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	FuncExpr   *call;
	HmsList    *list;
	ListCell   *cell;

	if (next_hook)
		next_hook(root, rel, rti, rte);
	if (IS_DUMMY_REL(rel) || (call = scanned_call(rte)) == NULL)
		return;

	foreach(cell, rel->pathlist)
	{
		if (((Path *) lfirst(cell))->pathtype == T_FunctionScan)
			rel->pathlist = foreach_delete_current(rel->pathlist, cell);
	}
	take_alias(root, rte);
	list = list_of(rel, call);
	add_scan_path(root, list, rel->lateral_relids);
	foreach(cell, hms_path_outers(root, list))
		add_scan_path(root, list, lfirst(cell));
}

static bool
owns_path(const Path *path)
{
	return IsA(path, CustomPath) && ((const CustomPath *) path)->methods == &path_methods;
}

static List *
to_plan(PlannerInfo *root, RelOptInfo *rel, List *conditions, List **exprs)
{
	FuncExpr   *call = scanned_call(planner_rt_fetch(rel->relid, root));
	List	   *filters = hms_path_filters(root, list_of(rel, call), conditions, NULL);
	List	   *values;
	List	   *kept = hms_filters_to_plan(filters, &values);

	*exprs = lcons(call, values);
	return kept;
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

		if ((Index) var->varno == rel->relid && var->varlevelsup == 0)
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
	plan->custom_private = list_make1(to_plan(root, rel, clauses, &plan->custom_exprs));
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
create_scan(CustomScan *plan pg_attribute_unused())
{
	HmsScan    *scan = (HmsScan *) newNode(sizeof(HmsScan), T_CustomScanState);

	scan->css.methods = &exec_methods;
	return (Node *) scan;
}

/* A composite type may have changed since the query was planned. */
static void
find_columns(HmsReading *reading, List *kept pg_attribute_unused(), List *targets,
			 int first, PlanState *parent pg_attribute_unused())
{
	TupleDesc	desc;
	ListCell   *cell;

	reading->is_composite = get_expr_result_type((Node *) reading->call, &reading->row_type,
												 &desc) == TYPEFUNC_COMPOSITE;
	if (!reading->is_composite)
	{
		desc = CreateTemplateTupleDesc(1);
		TupleDescInitEntry(desc, 1, NULL, reading->row_type, -1, 0);
	}
	reading->row_desc = BlessTupleDesc(desc);
	reading->columns = palloc(sizeof(AttrNumber) * list_length(targets));
	for (int i = 0; i < first; i++)
		reading->columns[i] = HMS_NO_COLUMN;
	for_each_from(cell, targets, first)
	{
		Var		   *var = castNode(Var, lfirst_node(TargetEntry, cell)->expr);

		if (var->varattno != HMS_WHOLE_ROW &&
			(var->varattno > desc->natts ||
			 TupleDescAttr(desc, var->varattno - 1)->attisdropped ||
			 TupleDescAttr(desc, var->varattno - 1)->atttypid != var->vartype))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("type %s has changed since the query was planned",
							format_type_be(reading->row_type))));
		reading->columns[foreach_current_index(cell)] = var->varattno;
	}
}

/* What is read; raises for who may not execute the function. */
static void
from_plan(HmsReading *reading, List *kept, List *exprs)
{
	reading->call = linitial_node(FuncExpr, exprs);
	if (!hms_may_execute(reading->call->funcid, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION,
					   get_func_name(reading->call->funcid));
	InvokeFunctionExecuteHook(reading->call->funcid);
	reading->filters = hms_filters_from_plan(kept, list_copy_tail(exprs, 1));
}

static void
begin_scan(CustomScanState *node, EState *estate, int eflags)
{
	HmsScan    *scan = (HmsScan *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	HmsReading	reading = {0};

	from_plan(&reading, linitial(plan->custom_private), plan->custom_exprs);
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		find_columns(&reading, NIL, plan->custom_scan_tlist, 0, &node->ss.ps);
	scan->reader = hms_reader_create(&node->ss, estate, eflags, &reading);
	if (estate->es_epq_active)
		scan->joined = ExecInitExtraTupleSlot(estate, reading.row_desc, &TTSOpsVirtual);
}

const HmsFront hms_scan_front = {
	.owns = owns_path,
	.to_plan = to_plan,
	.reading = from_plan,
	.columns = find_columns
};

/* The next row of the function, before any condition of the query. */
static TupleTableSlot *
next_row(ScanState *node)
{
	hms_reader_next(((HmsScan *) node)->reader, node->ss_ScanTupleSlot);
	return node->ss_ScanTupleSlot;
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
	hms_reader_put(scan->reader, slot, joined->tts_values, joined->tts_isnull);
	return true;
}

static TupleTableSlot *
exec_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

static void
rescan(CustomScanState *node)
{
	ExecScanReScan(&node->ss);
	hms_reader_rescan(((HmsScan *) node)->reader);
}

static void
end_scan(CustomScanState *node)
{
	hms_reader_end(((HmsScan *) node)->reader);
}

static void
explain_scan(CustomScanState *node, List *ancestors, ExplainState *es)
{
	int			rti = bms_singleton_member(((CustomScan *) node->ss.ps.plan)->custom_relids);
	char	   *alias = list_nth(es->rtable_names, rti - 1);

	if (alias)
		ExplainPropertyText("Alias", alias, es);
	hms_reader_explain(list_make1(((HmsScan *) node)->reader), ancestors, es);
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

/* _hms_rows_support(internal): how many rows there are with these arguments. */
Datum
hms_rows_support(PG_FUNCTION_ARGS)
{
	Node	   *node = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *request = (SupportRequestRows *) node;
	FuncExpr   *call;
	Const	   *name;

	if (!IsA(node, SupportRequestRows) || !is_funcclause(request->node))
		PG_RETURN_POINTER(NULL);
	call = (FuncExpr *) request->node;
	name = lsecond(call->args);
	if (!IsA(name, Const) || name->constisnull)
		PG_RETURN_POINTER(NULL);
	request->rows = hms_reader_rows(hms_endpoint(TextDatumGetCString(name->constvalue)), call);
	PG_RETURN_POINTER(node);
}
