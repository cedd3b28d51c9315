/*
 * query.c
 *		What does the query do with the rows of a scan?
 *
 * Two things in the finished plan decide what a walk may save.  Below a node
 * that reads its input to the end before it returns anything (an aggregate, a
 * sort, the inner side of a hash join) every page will be read, so the next
 * one can be asked for before its rows are wanted.  And what is read only once
 * need not be kept for a second time.
 *
 * A scan below a node that is not known here is not found, and nothing is
 * certain of it.
 */
#include "postgres.h"

#include "nodes/plannodes.h"

#include "join.h"
#include "query.h"

typedef struct Search
{
	const PlannedStmt *statement;
	const Plan *scan;
	bool		found;
	HmsQueryUse use;
} Search;

static void search_plan(const Plan *plan, HmsReads reads, bool once, Search *search);

static void
search_plans(List *plans, HmsReads reads, bool once, Search *search)
{
	ListCell   *cell;

	foreach(cell, plans)
		search_plan(lfirst(cell), reads, once, search);
}

/* Subplans that are run once, before they are needed. */
static void
search_init_plans(List *init_plans, Search *search)
{
	ListCell   *cell;

	foreach(cell, init_plans)
	{
		SubPlan    *init_plan = lfirst_node(SubPlan, cell);

		/* a CTE is searched where it is read */
		if (init_plan->subLinkType != CTE_SUBLINK)
			search_plan(list_nth(search->statement->subplans, init_plan->plan_id - 1),
						init_plan->subLinkType == ARRAY_SUBLINK ?
						HMS_READS_ALL : HMS_READS_SOME, true, search);
	}
}

/* "reads" and "once" say how this node is read. */
static void
search_plan(const Plan *plan, HmsReads reads, bool once, Search *search)
{
	HmsReads	outer = reads;
	HmsReads	inner = HMS_READS_SOME;

	if (plan == NULL)
		return;
	if (plan == search->scan)
	{
		/* a CTE may be found from several places: what holds for all of them */
		search->use.reads = search->found ? Min(search->use.reads, reads) : reads;
		search->use.once = search->found ? search->use.once && once : once;
		search->found = true;
		return;
	}

	switch (nodeTag(plan))
	{
		case T_Agg:
			if (((const Agg *) plan)->aggstrategy != AGG_SORTED)
				outer = HMS_READS_ALL;
			break;
		case T_Sort:
		case T_Hash:
		case T_ModifyTable:
			outer = HMS_READS_ALL;
			break;
		case T_Limit:
		case T_MergeJoin:
		case T_WindowAgg:
			outer = HMS_READS_SOME;
			break;
		case T_HashJoin:
			/* an empty inner side is noticed when one outer row was read */
			outer = Min(reads, HMS_READS_REST);
			inner = HMS_READS_ALL;
			break;
		case T_NestLoop:
			search_plan(plan->lefttree, outer, once, search);
			search_plan(plan->righttree, inner, false, search);
			search_init_plans(plan->initPlan, search);
			return;
		case T_Append:
			search_plans(((const Append *) plan)->appendplans, reads, once, search);
			break;
		case T_CustomScan:
			/* a join of ours reads its outer rows as it is read */
			if (((const CustomScan *) plan)->custom_plans == NIL ||
				!hms_join_owns(plan))
				return;
			search_plans(((const CustomScan *) plan)->custom_plans, reads, once, search);
			break;
		case T_SubqueryScan:
			search_plan(((const SubqueryScan *) plan)->subplan, reads, once, search);
			break;
		case T_CteScan:
			search_plan(list_nth(search->statement->subplans,
								 ((const CteScan *) plan)->ctePlanId - 1),
						reads, true, search);
			break;
		case T_Result:
		case T_ProjectSet:
		case T_Group:
		case T_Material:
		case T_Unique:
		case T_LockRows:
			break;
		default:
			return;
	}
	search_plan(plan->lefttree, outer, once, search);
	search_plan(plan->righttree, inner, once, search);
	search_init_plans(plan->initPlan, search);
}

HmsQueryUse
hms_query_use(const PlannedStmt *statement, const Plan *scan)
{
	Search		search = {0};

	search.statement = statement;
	search.scan = scan;
	search_plan(statement->planTree, HMS_READS_SOME, true, &search);
	return search.use;
}
